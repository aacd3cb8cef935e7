/* Models packed for inference: the same answers as numbers, nearly the same in fewer bits; saved, opened, refused. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "model_rig.h"
#include "suite.h"
#include <unistd.h>

enum { TASKS = 1 << R_TEXT | 1 << R_TABLE | 1 << R_WRITE, ROWS = 16 };

static pwy_model *model;
static struct bytes plain;

static void begin(void)
{
    model = rig_trained(rig_model(NULL, TASKS, "d: 32, layers: 2, heads: 2, experts: 4, topk: 2, hidden: 40, vocab: 300"),
                        "steps: 20");
    plain = rig_bytes(model);
}

static void end(void)
{
    free(plain.data);
    pwy_model_free(model);
}

static pwy_model *packed_as(const char *dtype)
{
    pwy_model *out;
    rig_host_mode(true);
    OK(pwy_model_quantize(model, dtype, &out));
    rig_host_mode(false);
    return out;
}

START_TEST(floats_answer_with_the_same_bits)
{
    char *want = rig_ask(model, NULL, TASKS, ROWS, 1);
    pwy_model *packed = packed_as("f32");
    rig_same_answers(packed, NULL, TASKS, 1, want);
    rig_same_answers(packed, "threads: 3", TASKS, 16, want);
    pwy_model_free(packed);
    free(want);
}
END_TEST

/* The greatest difference between the scores of two models' answers to a task of labels. */
static double difference(pwy_model *a, pwy_model *b)
{
    pwy_session *s[2] = {rig_session(a, NULL), rig_session(b, NULL)};
    double most = 0;
    for (int i = 0; i < ROWS; i++) {
        pwy_example *ex;
        pwy_result *r[2];
        OK(pwy_example_new(&ex));
        rig_parts(R_TEXT, 100 + i, ex);
        for (int k = 0; k < 2; k++) OK(pwy_session_predict(s[k], rig_task[R_TEXT].name, ex, &r[k]));
        for (int64_t l = 0; l < pwy_result_count(r[0]); l++)
            for (int64_t m = 0; m < pwy_result_count(r[1]); m++)
                if (strcmp(pwy_result_label(r[0], l), pwy_result_label(r[1], m)) == 0)
                    most = fmax(most, fabs(pwy_result_score(r[0], l) - pwy_result_score(r[1], m)));
        for (int k = 0; k < 2; k++) pwy_result_free(r[k]);
        pwy_example_free(ex);
    }
    for (int k = 0; k < 2; k++) pwy_session_free(s[k]);
    return most;
}

static const struct { const char *dtype; double near; } forms[] = {{"f32", 0}, {"bf16", .01}, {"i8", .02}};

START_TEST(fewer_bits_answer_nearly_the_same)
{
    pwy_model *packed = packed_as(forms[_i].dtype);
    double far = difference(model, packed);
    struct bytes small = rig_bytes(packed);
    ck_assert_msg(far <= forms[_i].near, "%s: scores differ by %g", forms[_i].dtype, far);
    ck_assert(_i == 0 || (far > 0 && small.len < plain.len));
    free(small.data);
    pwy_model_free(packed);
}
END_TEST

/* Alone, in a batch, on threads, from the file and from memory: one answer, and the same bytes again. */
START_TEST(what_is_saved_answers_the_same)
{
    char path[] = "/tmp/pathways-packed-XXXXXX";
    pwy_model *packed = packed_as(forms[_i].dtype), *opened;
    char *want = rig_ask(packed, NULL, TASKS, ROWS, 1);
    struct bytes first = rig_bytes(packed), again;
    close(mkstemp(path));
    rig_same_answers(packed, "threads: 2", TASKS, 16, want);
    OK(pwy_model_save(packed, path));
    OK(pwy_model_open(NULL, path, &opened));
    rig_same_answers(opened, NULL, TASKS, 4, want);
    again = rig_bytes(opened);
    rig_same(first, again);
    pwy_model_free(opened);
    OK(pwy_model_open_memory(NULL, first.data, first.len, &opened));
    rig_same_answers(opened, NULL, TASKS, 4, want);
    pwy_model_free(opened);
    unlink(path);
    free(first.data);
    free(again.data);
    free(want);
    pwy_model_free(packed);
}
END_TEST

START_TEST(packed_models_do_not_train)
{
    pwy_model *packed = packed_as("i8"), *twice;
    pwy_options *o = rig_options("steps: 1");
    pwy_trainer *t;
    pwy_status status = pwy_trainer_new(packed, o, &t);
    if (status == PWY_OK) {
        status = pwy_trainer_run(t);
        pwy_trainer_free(t);
    }
    ck_assert_int_ne(status, PWY_OK);
    FAILS(pwy_model_quantize(packed, "i8", &twice), PWY_E_STATE);
    SAYS("packed already");
    FAILS(pwy_model_quantize(model, "int8", &twice), PWY_E_ARGUMENT);
    SAYS("f32, bf16 and i8");
    FAILS(pwy_model_quantize(NULL, "i8", &twice), PWY_E_ARGUMENT);
    pwy_options_free(o);
    pwy_model_free(packed);
}
END_TEST

/* One word of the header changed for another of the same length. */
START_TEST(damage_is_told)
{
    static const char *const cases[][2] = {
        {"packed.trunk.0.qkv.scale\"", "packed.trunk.0.qkv.scalf\""}, {"packed.trunk.0.qkv\"", "packed.trunk.0.qkw\""},
        {"packed.trunk.1.out\"", "packed.trunk.9.out\""}, {"packed.trunk.0.experts.w2.scale\"",
                                                           "packed.trunk.0.experts.w3.scale\""}};
    pwy_model *packed = packed_as("i8"), *opened;
    struct bytes b = rig_bytes(packed);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char *at = memmem(b.data, (size_t)b.len, cases[c][0], strlen(cases[c][0]));
        ck_assert_msg(at != NULL, "no %s", cases[c][0]);
        memcpy(at, cases[c][1], strlen(cases[c][1]));
        FAILS(pwy_model_open_memory(NULL, b.data, b.len, &opened), PWY_E_FORMAT);
        memcpy(at, cases[c][0], strlen(cases[c][0]));
    }
    OK(pwy_model_open_memory(NULL, b.data, b.len, &opened));
    pwy_model_free(opened);
    free(b.data);
    pwy_model_free(packed);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("packed_model");
    TCase *c = tcase_create("packed_model");
    tcase_add_unchecked_fixture(c, begin, end);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, floats_answer_with_the_same_bits);
    tcase_add_loop_test(c, fewer_bits_answer_nearly_the_same, 0, 3);
    tcase_add_loop_test(c, what_is_saved_answers_the_same, 0, 3);
    tcase_add_test(c, packed_models_do_not_train);
    tcase_add_test(c, damage_is_told);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
