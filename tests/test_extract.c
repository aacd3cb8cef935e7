/* What extract writes: of many sealed tasks over many experts, one task is its closure and little more. */
#include "base/rng.h"
#include "model/model.h"
#include "tok/tok.h"
#include "train_rig.h"
#include "suite.h"

enum { MANY = 64, CANDIDATES = 8, MORE = 64 << 10 };

/* Words enough for a tokenizer of thousands of pieces. */
static void many_words(int64_t row, pwy_example *ex)
{
    char text[1200];
    size_t len = 0;
    for (uint64_t w = 0; w < 100; w++) {
        struct pw_rng rng = pw_rng_at(7, (uint64_t)row, w);
        for (int i = 0; i < 3 + (int)(w % 6); i++) text[len++] = (char)('a' + (int)(26 * pw_rng_uniform(&rng)));
        text[len++] = ' ';
    }
    OK(pwy_example_set_text(ex, "message", text, (int64_t)len));
    OK(pwy_example_set_label(ex, row % 2 ? "odd" : "even"));
}

static pwy_source *rows_of(int task)
{
    pwy_source *s;
    pwy_example *ex;
    if (task != R_TEXT) return rig_source(NULL, task, 0, R_ROWS);
    OK(pwy_source_new(NULL, &s));
    OK(pwy_example_new(&ex));
    for (int64_t i = 0; i < R_ROWS; i++) {
        pwy_example_clear(ex);
        many_words(i, ex);
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

static pwy_registry *many_tasks(int task)
{
    pwy_registry *r;
    OK(pwy_registry_new(NULL, &r));
    pwy_source *rows = rows_of(task);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        pwy_task *t;
        snprintf(name, sizeof name, "task%d", i);
        OK(pwy_registry_add(r, name, PWY_CLASSIFY, &t));
        OK(pwy_task_add_part(t, rig_task[task].part, rig_task[task].sense));
        OK(pwy_task_set_source(t, PWY_TRAIN, rows));
    }
    pwy_source_free(rows);
    return r;
}

/* All tasks sealed, each with as many candidates a layer as its rows are routed to. */
static pwy_model *sealed_of(pwy_registry *r, const char *shape)
{
    pwy_options *o = rig_options(shape), *how = rig_options("tolerance: 1");
    pwy_model *m, *sealed;
    OK(pwy_model_new(r, o, &m));
    m = rig_trained(m, "steps: 4, batch: 64");
    OK(pwy_model_seal(m, NULL, how, &sealed));
    pwy_options_free(o);
    pwy_options_free(how);
    pwy_model_free(m);
    return sealed;
}

/* Scores of rows 100 .. 116, to the bit. */
static char *scores(pwy_model *m, const char *name, int task, const char *options)
{
    size_t len = 0;
    char *all = NULL;
    FILE *out = open_memstream(&all, &len);
    pwy_session *s = rig_session(m, options);
    for (int64_t i = 100; i < 116; i++) {
        pwy_example *ex;
        pwy_result *r;
        OK(pwy_example_new(&ex));
        rig_parts(task, i, ex);
        OK(pwy_session_predict(s, name, ex, &r));
        for (int64_t l = 0; l < pwy_result_count(r); l++)
            fprintf(out, "%s %a,", pwy_result_label(r, l), pwy_result_score(r, l));
        pwy_result_free(r);
        pwy_example_free(ex);
    }
    pwy_session_free(s);
    fclose(out);
    return all;
}

/* A text's answers read the tokenizer too; its digest is of the closure's. */
static int64_t tokenizer_bytes(const pwy_model *m)
{
    char *json = m->vocabulary == NULL ? NULL : pw_tok_json(m->vocabulary->tok);
    int64_t len = json == NULL ? 0 : (int64_t)strlen(json);
    free(json);
    return len;
}

static int64_t closure_bytes(const pwy_model *m, const char *name)
{
    struct pw_net *net;
    int64_t numbers, own;
    OK(pw_model_net(m, name, &net));
    OK(pw_closure_size(m, net, &numbers, &own));
    for (int l = 0; l < (int)m->shape.layers; l++) ck_assert_int_eq(net->way->layer[l].n, CANDIDATES);
    return numbers * (int64_t)sizeof(real) + tokenizer_bytes(m);
}

static void extract_one(const pwy_model *m, const char *name, int task, int64_t whole, double most)
{
    const char *names[] = {name};
    pwy_model *out, *again;
    char path[128];
    OK(pwy_model_extract(m, names, 1, &out));
    strcpy(path, in_folder("one.pathways"));
    OK(pwy_model_save(out, path));
    pwy_model_free(out);
    struct bytes file = rig_file(path);
    free(file.data);
    int64_t closure = closure_bytes(m, name);
    ck_assert_msg(file.len <= closure + MORE, "%s: %lld bytes, of a closure of %lld", name, (long long)file.len,
                  (long long)closure);
    ck_assert_msg((double)file.len <= most * (double)whole, "%s: %lld bytes are %.3f of the whole, %lld", name,
                  (long long)file.len, (double)file.len / (double)whole, (long long)whole);
    OK(pwy_model_open(NULL, path, &again));
    ck_assert_int_eq(pwy_registry_count(pwy_model_registry(again)), 1);
    OK(pwy_model_check(again, name));
    char *old = scores((pwy_model *)(uintptr_t)m, name, task, NULL), *now = scores(again, name, task, NULL),
         *two = scores(again, name, task, "threads: 2");
    ck_assert_str_eq(old, now);
    ck_assert_str_eq(old, two);
    free(old);
    free(now);
    free(two);
    pwy_model_free(again);
}

static void one_of_many(int task, const char *shape, double most)
{
    static const char *const some[] = {"task0", "task31", "task63"};
    pwy_registry *r = many_tasks(task);
    pwy_model *m = sealed_of(r, shape);
    struct bytes b = rig_bytes(m);
    free(b.data);
    for (int i = 0; i < 3; i++) extract_one(m, some[i], task, b.len, most);
    pwy_model_free(m);
    pwy_registry_free(r);
}

/* 64 tasks over 128 experts a layer with 8 candidates each: at most a tenth of the whole. */
START_TEST(one_of_64_tasks)
{
    one_of_many(R_IMAGE, "d: 32, layers: 4, heads: 2, experts: 128, topk: 8, hidden: 128", .1);
}
END_TEST

START_TEST(one_of_64_texts)
{
    one_of_many(R_TEXT, "d: 32, layers: 4, heads: 2, experts: 128, topk: 8, hidden: 32, window: 64, vocab: 4096", .1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("extract");
    TCase *t = add_case(s, "extract");
    tcase_add_test(t, one_of_64_tasks);
    tcase_add_test(t, one_of_64_texts);
    return run_suite(s);
}
