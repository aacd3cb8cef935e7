/* Sessions, results and scores: see pathways/session.h. */
#include "pathways/session.h"
#include "api/check.h"
#include "api/routes.h"
#include "model/result.h"
#include "route/record.h"
#include "route/tape.h"
#include "sys/fpmode.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pwy_session { pwy_model *model; struct pw_infer *infer; struct pw_generate generate; };

struct session_options { int64_t threads, max_new, seed, shuffle_routes; double temperature; };
#define FIELD(name, type, min, max) {#name, type, offsetof(struct session_options, name), min, max}
static const struct pw_option session_table[] = {
    FIELD(threads, PW_OPT_INT, 1, 1024), FIELD(max_new, PW_OPT_INT, 1, 1 << 20), FIELD(seed, PW_OPT_INT, 0, 9e15),
    FIELD(shuffle_routes, PW_OPT_INT, 0, 9e15), FIELD(temperature, PW_OPT_NUMBER, 0, 100), {0}};

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

/* The task asked for; NULL is right where the model has only one. */
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

static pwy_status predict_all(pwy_session *s, struct pw_net *net, const pwy_example *const *examples, int64_t n,
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

pwy_status pwy_session_predict_batch(pwy_session *session, const char *task, const pwy_example *const *examples,
                                     int64_t n, pwy_result **out)
{
    struct pw_net *net;
    pwy_result **made;
    PW_GIVEN(session);
    PW_GIVEN(out);
    if (n < 0) return pw_fail(PWY_E_ARGUMENT, "n %lld is negative", (long long)n);
    if (n > 0) PW_GIVEN(examples);
    for (int64_t i = 0; i < n; i++)
        if (examples[i] == NULL) return pw_fail(PWY_E_ARGUMENT, "example %lld is NULL", (long long)i);
    PW_TRY(find_net(session, task, &net));
    PW_NEED(made = pw_calloc((size_t)n + 1, sizeof *made));
    fenv_t host;
    pw_fp_enter(&host);
    pwy_status status = predict_all(session, net, examples, n, made);
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

static const struct pw_sense *sense_of(const struct pw_net *net, const char *part)
{
    for (int p = 0; p < net->n_parts; p++)
        if (strcmp(net->task->parts[p].name, part) == 0) return &net->sense[p];
    return NULL;
}

pwy_status pwy_session_read_part(pwy_session *session, const char *task, const char *path, const char *part,
                                 pwy_example *example)
{
    struct pw_net *net;
    PW_GIVEN(session);
    PW_GIVEN(path);
    PW_GIVEN(example);
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

int64_t pwy_result_count(const pwy_result *result)
{
    return result == NULL ? 0 : result->n;
}

const char *pwy_result_label(const pwy_result *result, int64_t index)
{
    return index < 0 || index >= pwy_result_count(result) ? NULL : result->label[index];
}

double pwy_result_score(const pwy_result *result, int64_t index)
{
    return index < 0 || index >= pwy_result_count(result) ? NAN : result->score[index];
}

double pwy_result_number(const pwy_result *result)
{
    return result == NULL ? NAN : result->number;
}

const char *pwy_result_text(const pwy_result *result)
{
    return result == NULL ? NULL : result->text;
}

double pwy_result_active_share(const pwy_result *result)
{
    return result == NULL || result->total == 0 ? NAN : (double)result->active / (double)result->total;
}

int64_t pwy_result_active_parameters(const pwy_result *result)
{
    return result == NULL ? 0 : result->active;
}

double pwy_result_flops(const pwy_result *result)
{
    return result == NULL ? NAN : result->flops;
}

const char *pwy_result_json(const pwy_result *result)
{
    return result == NULL ? NULL : result->json;
}

void pwy_result_free(pwy_result *result)
{
    pw_result_release(result);
}

const char *pwy_score_metric(const pwy_score *score)
{
    return score == NULL ? NULL : score->metric;
}

double pwy_score_value(const pwy_score *score)
{
    return score == NULL ? NAN : score->value;
}

double pwy_score_baseline(const pwy_score *score)
{
    return score == NULL ? NAN : score->baseline;
}

int pwy_score_higher_is_better(const pwy_score *score)
{
    return score != NULL && score->higher_is_better;
}

int64_t pwy_score_n(const pwy_score *score)
{
    return score == NULL ? 0 : score->n;
}

int64_t pwy_score_bad_rows(const pwy_score *score)
{
    return score == NULL ? 0 : score->bad;
}

int64_t pwy_score_active_parameters(const pwy_score *score)
{
    return score == NULL ? 0 : score->active;
}

int64_t pwy_score_total_parameters(const pwy_score *score)
{
    return score == NULL ? 0 : score->total;
}

double pwy_score_flops(const pwy_score *score)
{
    return score == NULL ? NAN : score->flops;
}

const char *pwy_score_json(const pwy_score *score)
{
    return score == NULL ? NULL : score->json;
}

void pwy_score_free(pwy_score *score)
{
    pw_score_release(score);
}
