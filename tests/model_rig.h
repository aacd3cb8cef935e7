/* Tasks over every sense, small and made up here, and what tests of models share: training, saving, answers by bits. */
#ifndef MODEL_RIG_H
#define MODEL_RIG_H
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined __x86_64__
#include <xmmintrin.h>
#endif
#include "pathways/pathways.h"

#define OK(call) ck_assert_msg((call) == PWY_OK, "%s: %s", #call, pwy_error_message())
#define FAILS(call, status) \
    do { \
        pwy_status got_ = (call); \
        ck_assert_msg(got_ == (status), "%s gave %s (%s), not %s", #call, pwy_status_name(got_), pwy_error_message(), \
                      #status); \
    } while (0)
#define SAYS(word) ck_assert_msg(strstr(pwy_error_message(), word) != NULL, "'%s' says nothing of '%s'", \
                                 pwy_error_message(), word)

enum { R_TEXT, R_TABLE, R_BYTES, R_SERIES, R_AUDIO, R_IMAGE, R_TWO, R_WRITE, R_GO, R_TASKS, R_ALL = (1 << R_TASKS) - 1,
       R_QUICK = 1 << R_TEXT | 1 << R_TABLE | 1 << R_TWO, R_ROWS = 40 };

static const struct { const char *name; pwy_task_kind kind; const char *part, *sense; } rig_task[R_TASKS] = {
    {"words", PWY_CLASSIFY, "message", "text"},   {"price", PWY_REGRESS, "row", "table"},
    {"frames", PWY_CLASSIFY, "frame", "bytes"},   {"wave", PWY_CLASSIFY, "wave", "series"},
    {"tone", PWY_CLASSIFY, "sound", "audio"},     {"shape", PWY_CLASSIFY, "picture", "image"},
    {"both", PWY_MULTILABEL, "caption", "text"},  {"reply", PWY_GENERATE, "question", "text"},
    {"story", PWY_GENERATE, "text", "text"}};

static inline void rig_fill_sound(pwy_example *ex, int64_t i)
{
    float samples[240];
    for (int t = 0; t < 240; t++)
        samples[t] = .5f * sinf((float)t * (i % 2 ? .9f : .25f) + (float)i) + .02f * (float)((t * 7 + i) % 5);
    OK(pwy_example_set_audio(ex, "sound", samples, 240, 1, 1000));
}

static inline void rig_fill_wave(pwy_example *ex, int64_t i)
{
    float samples[40];
    for (int t = 0; t < 20; t++) {
        samples[2 * t] = sinf((float)t * (i % 2 ? 1.1f : .3f) + (float)i);
        samples[2 * t + 1] = (float)((t * 3 + i) % 7) / 7;
    }
    OK(pwy_example_set_series(ex, "wave", samples, 20, 2));
}

static inline void rig_fill_picture(pwy_example *ex, int64_t i)
{
    uint8_t pixels[100];
    for (int p = 0; p < 100; p++)
        pixels[p] = (uint8_t)((i % 2 ? p % 10 : p / 10) * 20 + (p * 13 + i * 7) % 40);
    OK(pwy_example_set_image(ex, "picture", pixels, 10, 10, 1));
}

static inline void rig_fill_cells(pwy_example *ex, int64_t i)
{
    static const char *const color[] = {"red", "green", "blue"};
    OK(pwy_example_set_cell_number(ex, "row", "size", (double)(i % 11)));
    if (i % 5 > 0) OK(pwy_example_set_cell_number(ex, "row", "age", (double)((i * 7) % 13) / 3));
    OK(pwy_example_set_cell(ex, "row", "color", color[i % 3]));
}

/* The parts of row i. */
static inline void rig_parts(int task, int64_t i, pwy_example *ex)
{
    static const char *const good[] = {"what a fine day", "lovely and bright", "this is good indeed",
                                       "bright fine good"};
    static const char *const bad[] = {"awful rain again", "this is bad", "dark and cold awful", "bad cold rain"};
    char text[96];
    snprintf(text, sizeof text, "%s %c", (i % 2 ? bad : good)[i / 2 % 4], 'a' + (int)(i % 9));
    if (task == R_TEXT) OK(pwy_example_set_text(ex, "message", text, -1));
    if (task == R_TABLE) rig_fill_cells(ex, i);
    for (int b = 0; b < 64; b++) text[b] = (char)((i % 2 ? b * 3 : b * b) + (b * 5 + i) % 4);
    if (task == R_BYTES) OK(pwy_example_set_bytes(ex, "frame", text, 64));
    if (task == R_SERIES) rig_fill_wave(ex, i);
    if (task == R_AUDIO) rig_fill_sound(ex, i);
    if (task == R_IMAGE || (task == R_TWO && i % 4 != 3)) rig_fill_picture(ex, i);
    if (task == R_TWO && i % 4 != 2)
        OK(pwy_example_set_text(ex, "caption", i % 3 ? "tall one here" : "wide thing", -1));
    if (task == R_WRITE) OK(pwy_example_set_text(ex, "question", i % 2 ? "say no" : "say yes", -1));
    if (task == R_GO) OK(pwy_example_set_text(ex, "text", "the cat sat on the mat and the cat sat", -1));
}

static inline void rig_target(int task, int64_t i, pwy_example *ex)
{
    if (task == R_TABLE) OK(pwy_example_set_number(ex, 3 * (double)(i % 11) + 10 * (double)(i % 3)));
    else if (task == R_TWO) {
        if (i % 2) OK(pwy_example_add_label(ex, "rising"));
        if (i % 3 || i % 2 == 0) OK(pwy_example_add_label(ex, "tall"));
        if (i % 3 == 0) OK(pwy_example_add_label(ex, "wide"));
    } else if (task == R_WRITE) OK(pwy_example_set_target_text(ex, i % 2 ? "no!" : "yes", -1));
    else if (task != R_GO) OK(pwy_example_set_label(ex, i % 2 ? "odd" : "even"));
}

static inline void rig_row(int task, int64_t i, pwy_example *ex)
{
    pwy_example_clear(ex);
    rig_parts(task, i, ex);
    rig_target(task, i, ex);
}

static inline pwy_source *rig_source(pwy_context *ctx, int task, int64_t from, int64_t to)
{
    pwy_source *s;
    pwy_example *ex;
    OK(pwy_source_new(ctx, &s));
    OK(pwy_example_new(&ex));
    for (int64_t i = from; i < to; i++) {
        rig_row(task, i, ex);
        OK(pwy_source_append(s, ex));
    }
    pwy_example_free(ex);
    return s;
}

static inline pwy_options *rig_options(const char *yaml)
{
    pwy_options *o = NULL;
    if (yaml != NULL) OK(pwy_options_parse(yaml, &o));
    return o;
}

static inline void rig_add(pwy_registry *r, pwy_context *ctx, int task)
{
    pwy_task *t;
    pwy_options *plain = rig_options("trees: false");
    OK(pwy_registry_add(r, rig_task[task].name, rig_task[task].kind, &t));
    OK(pwy_task_add_part_with(t, rig_task[task].part, rig_task[task].sense, task == R_TABLE ? plain : NULL));
    if (task == R_TWO) OK(pwy_task_add_part(t, "picture", "image"));
    pwy_options_free(plain);
    pwy_source *s = rig_source(ctx, task, 0, R_ROWS);
    OK(pwy_task_set_source(t, PWY_TRAIN, s));
    pwy_source_free(s);
}

/* tasks: bits by number. */
static inline pwy_registry *rig_registry(pwy_context *ctx, int tasks)
{
    pwy_registry *r;
    OK(pwy_registry_new(ctx, &r));
    for (int t = 0; t < R_TASKS; t++)
        if (tasks >> t & 1) rig_add(r, ctx, t);
    return r;
}

/* The odd floating-point mode that a host may be in around calls, and back: 0: the usual one. */
static unsigned rig_odd_mode;

static inline void rig_host_mode(bool odd)
{
#if defined __x86_64__
    static unsigned usual;
    if (rig_odd_mode == 0) return;
    if (odd) usual = _mm_getcsr();
    else ck_assert_uint_eq(_mm_getcsr() & 0xffc0, rig_odd_mode & 0xffc0);
    _mm_setcsr(odd ? rig_odd_mode : usual);
#else
    (void)odd;
#endif
}

#define RIG_SHAPE "d: 16, layers: 2, heads: 2, experts: 4, topk: 2, hidden: 16, vocab: 300, window: 48"

static inline pwy_model *rig_model(pwy_context *ctx, int tasks, const char *shape)
{
    pwy_registry *r = rig_registry(ctx, tasks);
    pwy_options *o = rig_options(shape != NULL ? shape : RIG_SHAPE);
    pwy_model *m;
    rig_host_mode(true);
    OK(pwy_model_new(r, o, &m));
    rig_host_mode(false);
    pwy_options_free(o);
    pwy_registry_free(r);
    return m;
}

static inline pwy_trainer *rig_trainer(pwy_model *m, const char *train)
{
    pwy_options *o = rig_options(train);
    pwy_trainer *t;
    OK(pwy_trainer_new(m, o, &t));
    pwy_options_free(o);
    return t;
}

/* A trained model; m is freed. */
static inline pwy_model *rig_trained(pwy_model *m, const char *train)
{
    pwy_trainer *t = rig_trainer(m, train);
    pwy_model *out;
    rig_host_mode(true);
    OK(pwy_trainer_run(t));
    OK(pwy_trainer_model(t, &out));
    rig_host_mode(false);
    pwy_trainer_free(t);
    pwy_model_free(m);
    return out;
}

struct bytes { void *data; int64_t len; };

static inline struct bytes rig_bytes(const pwy_model *m)
{
    struct bytes b;
    OK(pwy_model_save_memory(m, &b.data, &b.len));
    return b;
}

static inline pwy_model *rig_reopened(const pwy_model *m)
{
    struct bytes b = rig_bytes(m);
    pwy_model *again;
    OK(pwy_model_open_memory(NULL, b.data, b.len, &again));
    free(b.data);
    return again;
}

static inline void rig_same(struct bytes a, struct bytes b)
{
    ck_assert_int_eq(a.len, b.len);
    ck_assert_msg(memcmp(a.data, b.data, (size_t)a.len) == 0, "the two files differ");
}

static inline struct bytes rig_file(const char *path)
{
    struct bytes b = {NULL, 0};
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be read", path);
    fseek(f, 0, SEEK_END);
    b.len = ftell(f);
    rewind(f);
    b.data = malloc((size_t)b.len + 1);
    ck_assert_int_eq((int64_t)fread(b.data, 1, (size_t)b.len, f), b.len);
    fclose(f);
    return b;
}

static inline pwy_session *rig_session(pwy_model *m, const char *options)
{
    pwy_options *o = rig_options(options);
    pwy_session *s;
    OK(pwy_session_new(m, o, &s));
    pwy_options_free(o);
    return s;
}

/* Answers of a session to rows 100 .. 100 + n of a task, batch at a time, as lines of JSON without what they cost; a
   text to free. */
static inline char *rig_answers(pwy_session *s, int task, int n, int batch)
{
    size_t len = 0;
    char *all = NULL;
    FILE *out = open_memstream(&all, &len);
    pwy_example *ex[64];
    pwy_result *result[64];
    for (int at = 0; at < n; at += batch) {
        int some = n - at < batch ? n - at : batch;
        for (int i = 0; i < some; i++) {
            OK(pwy_example_new(&ex[i]));
            rig_parts(task, 100 + at + i, ex[i]);
        }
        rig_host_mode(true);
        OK(pwy_session_predict_batch(s, rig_task[task].name, (const pwy_example *const *)ex, some, result));
        rig_host_mode(false);
        for (int i = 0; i < some; i++) {
            const char *text = pwy_result_text(result[i]);
            fprintf(out, "%a|%s|", pwy_result_number(result[i]), text != NULL ? text : "");
            for (int64_t l = 0; l < pwy_result_count(result[i]); l++)
                fprintf(out, "%s %a,", pwy_result_label(result[i], l), pwy_result_score(result[i], l));
            fprintf(out, "%lld\n", (long long)pwy_result_active_parameters(result[i]));
            pwy_result_free(result[i]);
            pwy_example_free(ex[i]);
        }
    }
    fclose(out);
    return all;
}

/* The answers to some rows of every task of the model. */
static inline char *rig_all_answers(pwy_session *s, int tasks, int n, int batch)
{
    size_t len = 0;
    char *all = NULL;
    FILE *out = open_memstream(&all, &len);
    for (int t = 0; t < R_TASKS; t++) {
        if (!(tasks >> t & 1)) continue;
        char *one = rig_answers(s, t, n, batch);
        fprintf(out, "%s:\n%s", rig_task[t].name, one);
        free(one);
    }
    fclose(out);
    return all;
}

static inline char *rig_ask(pwy_model *m, const char *options, int tasks, int n, int batch)
{
    pwy_session *s = rig_session(m, options);
    char *answers = rig_all_answers(s, tasks, n, batch);
    pwy_session_free(s);
    return answers;
}

static inline void rig_same_answers(pwy_model *m, const char *options, int tasks, int batch, const char *want)
{
    char *got = rig_ask(m, options, tasks, 16, batch);
    ck_assert_msg(strcmp(got, want) == 0, "the answers differ with %s", options != NULL ? options : "no options");
    free(got);
}

static inline pwy_result *rig_ask_row(pwy_session *s, int task, int row)
{
    pwy_example *ex;
    pwy_result *r;
    OK(pwy_example_new(&ex));
    rig_parts(task, 100 + row, ex);
    OK(pwy_session_predict(s, rig_task[task].name, ex, &r));
    pwy_example_free(ex);
    return r;
}

static inline double rig_score_of(const pwy_result *r, const char *label)
{
    for (int64_t l = 0; l < pwy_result_count(r); l++)
        if (strcmp(pwy_result_label(r, l), label) == 0) return pwy_result_score(r, l);
    ck_abort_msg("no label '%s'", label);
}

/* The greatest difference between two answers; texts must be the same. */
static inline double rig_apart(const pwy_result *a, const pwy_result *b)
{
    const char *text = pwy_result_text(a);
    double x = pwy_result_number(a), y = pwy_result_number(b), most = isnan(x) ? 0 : fabs(x - y) / fmax(1, fabs(x));
    if (text != NULL) ck_assert_str_eq(text, pwy_result_text(b));
    for (int64_t l = 0; l < pwy_result_count(a); l++)
        most = fmax(most, fabs(pwy_result_score(a, l) - rig_score_of(b, pwy_result_label(a, l))));
    return most;
}

/* Over eight rows of each of some tasks, on one thread and on two. */
static inline double rig_difference(pwy_model *a, pwy_model *b, int tasks)
{
    pwy_session *one = rig_session(a, NULL), *two = rig_session(b, "threads: 2");
    double most = 0;
    for (int i = 0; i < R_TASKS * 8; i++) {
        if (!(tasks >> i / 8 & 1)) continue;
        pwy_result *x = rig_ask_row(one, i / 8, i % 8), *y = rig_ask_row(two, i / 8, i % 8);
        most = fmax(most, rig_apart(x, y));
        pwy_result_free(x);
        pwy_result_free(y);
    }
    pwy_session_free(one);
    pwy_session_free(two);
    return most;
}
#endif
