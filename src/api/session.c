/* Sessions: see pathways/session.h. */
#include "pathways/session.h"
#include "api/check.h"
#include "api/routes.h"
#include "model/result.h"
#include "model/which.h"
#include "route/record.h"
#include "route/tape.h"
#include "sys/fpmode.h"
#include <stdlib.h>
#include <string.h>

struct pwy_session { pwy_model *model; struct pw_infer *infer; struct pw_generate generate; };

struct session_options { int64_t threads, max_new, seed, shuffle_routes, path; double temperature; };
#define FIELD(name, type, min, max) {#name, type, offsetof(struct session_options, name), min, max}
static const char *const path_words[] = {"both", "trunk", "wide", NULL};
static const struct pw_option session_table[] = {
    FIELD(threads, PW_OPT_INT, 1, 1024), FIELD(max_new, PW_OPT_INT, 1, 1 << 20), FIELD(seed, PW_OPT_INT, 0, 9e15),
    FIELD(shuffle_routes, PW_OPT_INT, 0, 9e15), FIELD(temperature, PW_OPT_NUMBER, 0, 100),
    {"path", PW_OPT_WORD, offsetof(struct session_options, path), 0, 0, path_words}, {0}};

pwy_status pwy_session_new(pwy_model *model, const pwy_options *options, pwy_session **out)
{
    struct session_options o = {.threads = 1, .max_new = 64, .seed = 1};
    pwy_session *s;
    PW_GIVEN(model);
    PW_GIVEN(out);
    PW_TRY(pw_options_read(options == NULL ? NULL : options->map, "session", session_table, &o));
    PW_NEED(s = pw_calloc(1, sizeof *s));
    pwy_status status = pw_infer_open(model, NULL, (int)o.threads, &s->infer);
    if (status != PWY_OK) {
        free(s);
        return status;
    }
    s->infer->x.shuffle = o.shuffle_routes;
    s->infer->path = o.path;
    s->generate = (struct pw_generate){o.max_new, o.temperature, (uint64_t)o.seed};
    s->model = pw_model_hold(model);
    *out = s;
    return PWY_OK;
}

void pwy_session_free(pwy_session *session)
{
    if (session == NULL) return;
    pw_tape_release(session->infer->x.tape);
    pw_record_release(session->infer->x.record);
    pw_infer_close(session->infer);
    pw_model_release(session->model);
    free(session);
}

pwy_status pwy_session_use_routes(pwy_session *session, pwy_routes *routes, pwy_routes_mode mode)
{
    PW_GIVEN(session);
    return pw_exec_use_routes(&session->infer->x, routes, mode);
}

pwy_status pwy_session_use_record(pwy_session *session, pwy_record *record)
{
    PW_GIVEN(session);
    return pw_exec_use_record(&session->infer->x, session->model, record);
}

/* The task asked for; NULL is right where the model has only one, or where an example tells which. */
static pwy_status find_net(const pwy_session *s, const char *task, struct pw_net **out)
{
    const pwy_registry *tasks = s->model->registry;
    struct pwy_task *first;
    if (task == NULL) {
        PW_TRY(pw_registry_peek(tasks, 0, &first));
        if (tasks->n != 1)
            return pw_fail(PWY_E_ARGUMENT, "task is NULL, and the model has %d tasks; name one, such as '%s'", tasks->n,
                           first->name);
    }
    PW_TRY(pw_model_net(s->model, task == NULL ? first->name : task, out));
    if ((*out)->task->trained) return PWY_OK;
    return pw_fail(PWY_E_STATE, "task '%s' has not been trained; pwy_trainer_run trains it", (*out)->task->name);
}

/* Answers up to PW_INFER_BATCH examples; what was made before a failure is freed. */
static pwy_status predict_some(pwy_session *s, struct pw_net *net, const pwy_example *const *examples, int n,
                               pwy_result **out)
{
    PW_TRY(pw_infer_run(s->infer, net, examples, n, false));
    for (int i = 0; i < n; i++) {
        pwy_status status = pw_result_make(s->infer, i, &s->generate, &out[i]);
        if (status == PWY_OK) continue;
        while (i-- > 0) pw_result_release(out[i]);
        return status;
    }
    return PWY_OK;
}

static pwy_status predict_named(pwy_session *s, struct pw_net *net, const pwy_example *const *examples, int64_t n,
                                pwy_result **made)
{
    for (int64_t at = 0; at < n; at += PW_INFER_BATCH) {
        int some = n - at < PW_INFER_BATCH ? (int)(n - at) : PW_INFER_BATCH;
        s->infer->asked = n;
        s->infer->before = at;
        pwy_status status = predict_some(s, net, examples + at, some, made + at);
        if (status == PWY_OK) continue;
        while (at-- > 0) pw_result_release(made[at]);
        return status;
    }
    return PWY_OK;
}

/* --- without a task's name --- */

/* The nearest tasks, for a message: " is nearest (distance 3.1, its limit 1.9), then b, c". */
static pwy_status none_of(const struct pwy_which *w)
{
    if (w->n == 0) return pw_fail(PWY_E_NOT_FOUND, "no task of the model takes an example of these parts");
    return pw_fail(PWY_E_NOT_FOUND,
                   "the example is like none of the model's tasks; '%s' is nearest, with a distance of %.2f where its "
                   "own stay within %.2f%s%s%s", w->row[0].task, w->row[0].distance, w->row[0].limit,
                   w->n > 1 ? ", then '" : "", w->n > 1 ? w->row[1].task : "", w->n > 1 ? "'" : "");
}

/* The example with its parts named as the task names them; *named borrows from it, its parts are the caller's. */
static pwy_status name_parts(const struct pwy_task *t, const pwy_example *ex, pwy_example *named)
{
    int *part = pw_calloc((size_t)ex->n_parts + 1, sizeof *part);
    PW_NEED(part);
    *named = *ex;
    named->parts = pw_calloc((size_t)ex->n_parts + 1, sizeof *named->parts);
    named->n_parts = 0;
    bool match = named->parts != NULL && pw_which_match(t, ex, part);
    for (int i = 0; match && i < ex->n_parts; i++)
        if (part[i] >= 0) named->parts[named->n_parts++] = (struct pw_part){t->parts[part[i]].name, ex->parts[i].value};
    free(part);
    return named->parts == NULL ? PWY_E_NOMEM : PWY_OK;
}

static pwy_status predict_which(pwy_session *s, const pwy_example *ex, pwy_result **out)
{
    struct pwy_which *w;
    struct pw_net *net;
    pwy_example named;
    const pwy_example *one = &named;
    PW_TRY(pw_which_ask(s->model, ex, &w));
    pwy_status status = w->known ? pw_model_net(s->model, w->row[0].task, &net) : none_of(w);
    pw_which_release(w);
    PW_TRY(status);
    status = name_parts(net->task, ex, &named);
    if (status == PWY_OK) status = predict_named(s, net, &one, 1, out);
    free(named.parts);
    return status;
}

/* "example 3 of 8: " before the last message. */
static pwy_status say_example(pwy_status status, int64_t i, int64_t n)
{
    char *why = pw_strdup(pwy_error_message());
    if (why != NULL && n > 1) pw_fail(status, "example %lld of %lld: %s", (long long)i + 1, (long long)n, why);
    free(why);
    return status;
}

static pwy_status predict_each(pwy_session *s, const pwy_example *const *examples, int64_t n, pwy_result **made)
{
    for (int64_t i = 0; i < n; i++) {
        pwy_status status = predict_which(s, examples[i], &made[i]);
        if (status == PWY_OK) continue;
        say_example(status, i, n);
        while (i-- > 0) pw_result_release(made[i]);
        return status;
    }
    return PWY_OK;
}

static bool asks_which(const pwy_session *s, const char *task)
{
    return task == NULL && s->model->registry->n != 1;
}

pwy_status pwy_session_predict_batch(pwy_session *session, const char *task, const pwy_example *const *examples,
                                     int64_t n, pwy_result **out)
{
    struct pw_net *net = NULL;
    pwy_result **made;
    PW_GIVEN(session);
    PW_GIVEN(out);
    if (n < 0) return pw_fail(PWY_E_ARGUMENT, "n %lld is negative", (long long)n);
    if (n > 0) PW_GIVEN(examples);
    for (int64_t i = 0; i < n; i++)
        if (examples[i] == NULL) return pw_fail(PWY_E_ARGUMENT, "example %lld is NULL", (long long)i);
    if (!asks_which(session, task)) PW_TRY(find_net(session, task, &net));
    PW_NEED(made = pw_calloc((size_t)n + 1, sizeof *made));
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = asks_which(session, task) ? predict_each(session, examples, n, made)
                                                  : predict_named(session, net, examples, n, made);
    pw_fp_leave(&host);
    for (int64_t i = 0; status == PWY_OK && i < n; i++) out[i] = made[i];
    free(made);
    return status;
}

pwy_status pwy_session_predict(pwy_session *session, const char *task, const pwy_example *example, pwy_result **out)
{
    PW_GIVEN(example);
    return pwy_session_predict_batch(session, task, &example, 1, out);
}

pwy_status pwy_session_which(pwy_session *session, const pwy_example *example, pwy_which **out)
{
    PW_GIVEN(session);
    PW_GIVEN(example);
    PW_GIVEN(out);
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = pw_which_ask(session->model, example, out);
    pw_fp_leave(&host);
    return status;
}

static const struct pw_sense *sense_of(const struct pw_net *net, const char *part)
{
    for (int p = 0; p < net->n_parts; p++)
        if (strcmp(net->task->parts[p].name, part) == 0) return &net->sense[p];
    return NULL;
}

/* Without a task: by the first sense of the model's that can read the file. Those whose files say what they are go
   first; bytes take anything. */
static pwy_status read_any(pwy_session *s, const char *path, const char *part, pwy_example *example)
{
    static const char *const order[] = {"image", "audio", "table", "series", "text", "bytes", NULL};
    pwy_status status = PWY_OK;
    int tried = 0;
    for (int i = 0; order[i] != NULL; i++) {
        bool here;
        PW_TRY(pw_which_has(s->model->registry, order[i], part, &here));
        if (!here) continue;
        status = pw_decode_file(s->model->ctx, pw_sense_find(order[i])->takes, path, example, part);
        if (status != PWY_E_DATA && status != PWY_E_FORMAT && status != PWY_E_UNSUPPORTED) return status;
        tried++;
    }
    return tried == 0 ? pw_fail(PWY_E_NOT_FOUND, "no task of the model has a part '%s'", part)
        : pw_fail(PWY_E_DATA, "'%s' cannot be read by any sense of the model; of the last, %s", path,
                  pwy_error_message());
}

pwy_status pwy_session_read_part(pwy_session *session, const char *task, const char *path, const char *part,
                                 pwy_example *example)
{
    struct pw_net *net;
    PW_GIVEN(session);
    PW_GIVEN(path);
    PW_GIVEN(example);
    if (asks_which(session, task)) return read_any(session, path, part == NULL ? "*" : part, example);
    PW_TRY(find_net(session, task, &net));
    if (part == NULL) part = net->task->parts[0].name;
    const struct pw_sense *sense = sense_of(net, part);
    if (sense == NULL)
        return pw_fail(PWY_E_NOT_FOUND, "task '%s' has no part '%s'; its first is '%s'", net->task->name, part,
                       net->task->parts[0].name);
    return pw_decode_file(session->model->ctx, sense->ops->takes, path, example, part);
}

pwy_status pwy_session_evaluate(pwy_session *session, const char *task, pwy_source *source, int64_t max_bad_rows,
                                pwy_score **out)
{
    struct pw_net *net;
    PW_GIVEN(session);
    PW_GIVEN(source);
    PW_GIVEN(out);
    PW_TRY(find_net(session, task, &net));
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = pw_evaluate(session->infer, net, source, max_bad_rows, out);
    pw_fp_leave(&host);
    return status;
}
