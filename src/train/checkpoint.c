/* A checkpoint: the model's tensors, the optimizer's moments, and the state of schedule and mixture. A run that goes
   on from it ends in the same bytes. */
#include "base/num.h"
#include "file/model_file.h"
#include "train/train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- saving --- */

static pwy_status put_cursors(const struct pwy_trainer *t, struct pw_node *state)
{
    struct pw_node *map;
    PW_TRY(pw_node_put_new(state, "cursors", PW_MAP, &map));
    for (int i = 0; i < t->model->registry->n; i++)
        PW_TRY(pw_node_put_int(map, pw_registry_at(t->model->registry, i)->name, t->mixture.cursor[i]));
    return PWY_OK;
}

/* The bad rows that were met: each is told and counted once, also by a run that goes on. */
static pwy_status put_bad(const struct pwy_trainer *t, struct pw_node *state)
{
    struct pw_node *list;
    PW_TRY(pw_node_put_new(state, "bad_rows", PW_LIST, &list));
    for (int64_t i = 0; i < pw_map_count(t->bad); i++) PW_TRY(pw_node_add_text(list, pw_map_key(t->bad, i)));
    return PWY_OK;
}

static pwy_status put_state(const struct pwy_trainer *t, struct pw_node *state)
{
    const struct pw_schedule *s = &t->schedule;
    PW_TRY(pw_schedule_to_node(s, state));
    PW_TRY(pw_node_put_number(state, "share", s->share));
    PW_TRY(pw_node_put_number(state, "seconds", s->seconds));
    PW_TRY(pw_node_put_number(state, "budget", s->budget));
    PW_TRY(pw_node_put_int(state, "limit", s->limit));
    PW_TRY(pw_node_put_int(state, "next_plan", s->next_plan));
    PW_TRY(pw_node_put_int(state, "measured_step", s->measured_step));
    PW_TRY(pw_node_put_number(state, "measured_at", s->measured_at));
    PW_TRY(pw_node_put_flag(state, "replay", s->replay));
    PW_TRY(pw_node_put_number(state, "loss", t->loss));
    PW_TRY(put_cursors(t, state));
    PW_TRY(put_bad(t, state));
    return pw_node_put_copy(state, "options", t->given);
}

static pwy_status state_json(const struct pwy_trainer *t, char **out)
{
    struct pw_node *state;
    PW_NEED(state = pw_node_new(PW_MAP));
    pwy_status status = put_state(t, state);
    if (status == PWY_OK) status = (*out = pw_node_to_json(state)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(state);
    return status;
}

static pwy_status moment(const struct pw_param *p, char which, const real *data, struct pw_tensor *out)
{
    *out = (struct pw_tensor){.dtype = sizeof(real) == 4 ? PW_F32 : PW_F64, .rank = p->rank, .data = data,
                              .bytes = (size_t)p->n * sizeof(real)};
    memcpy(out->shape, p->shape, sizeof p->shape);
    PW_NEED(out->name = pw_printf("checkpoint.%c/%s", which, p->name));
    return PWY_OK;
}

/* list has room for two a parameter and one more. */
static pwy_status list_tensors(const struct pwy_trainer *t, const char *json, struct pw_tensor *list, int64_t *n)
{
    const struct pw_params *params = t->model->params;
    list[(*n)++] = (struct pw_tensor){.dtype = PW_U8, .rank = 1, .shape = {(int64_t)strlen(json)}, .data = json,
                                      .bytes = strlen(json)};
    PW_NEED(list[0].name = pw_strdup("checkpoint.state"));
    for (int i = 0; i < params->n; i++) {
        if (t->adamw.m[i] == NULL) continue;
        PW_TRY(moment(params->list[i], 'm', t->adamw.m[i], &list[(*n)++]));
        PW_TRY(moment(params->list[i], 'v', t->adamw.v[i], &list[(*n)++]));
    }
    return PWY_OK;
}

pwy_status pw_trainer_save(const struct pwy_trainer *t, const char *path)
{
    struct pw_tensor *list;
    char *json;
    int64_t n = 0;
    PW_TRY(state_json(t, &json));
    list = pw_calloc((size_t)t->model->params->n * 2 + 1, sizeof *list);
    pwy_status status = list == NULL ? PWY_E_NOMEM : list_tensors(t, json, list, &n);
    if (status == PWY_OK) status = pw_model_write_file(t->model, list, n, path);
    for (int64_t i = 0; i < n; i++) free(list[i].name);
    free(list);
    free(json);
    return status;
}

/* --- going on --- */

static pwy_status number(const struct pw_node *state, const char *key, const char *path, double *out)
{
    const struct pw_node *node = pw_node_get(state, key);
    if (node != NULL && node->kind == PW_SCALAR && pw_parse_double(node->text, strlen(node->text), out)) return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "%s: not a checkpoint of this library: its state has no number '%s'", path, key);
}

static pwy_status integer(const struct pw_node *state, const char *key, const char *path, int64_t *out)
{
    double value;
    PW_TRY(number(state, key, path, &value));
    if (!(value >= 0 && value <= 9e15)) return pw_fail(PWY_E_FORMAT, "%s: its state's '%s' is %g", path, key, value);
    *out = (int64_t)value;
    return PWY_OK;
}

static pwy_status read_schedule(struct pwy_trainer *t, const struct pw_node *state, const char *path)
{
    struct pw_schedule *s = &t->schedule;
    const struct pw_node *replay = pw_node_get(state, "replay"), *plan = pw_node_get(state, "plan");
    bool by_steps = replay != NULL && replay->kind == PW_SCALAR && strcmp(replay->text, "true") == 0;
    if (plan == NULL) return pw_fail(PWY_E_FORMAT, "%s: not a checkpoint of this library: it has no plan", path);
    if (!by_steps) {
        s->n_plan = 0;
        PW_TRY(pw_schedule_read_plan(s, plan));
        s->replay = false;
    }
    PW_TRY(number(state, "share", path, &s->share));
    PW_TRY(number(state, "seconds", path, &s->seconds));
    PW_TRY(integer(state, "steps", path, &s->step));
    PW_TRY(integer(state, "limit", path, &s->limit));
    PW_TRY(integer(state, "next_plan", path, &s->next_plan));
    PW_TRY(integer(state, "measured_step", path, &s->measured_step));
    PW_TRY(number(state, "measured_at", path, &s->measured_at));
    if (!(s->share >= 0 && s->share <= 1 && s->seconds >= 0))
        return pw_fail(PWY_E_FORMAT, "%s: its state's share is %g after %g seconds", path, s->share, s->seconds);
    for (s->at = 0; s->at + 1 < s->n_plan && s->plan[s->at + 1].step <= s->step;) s->at++;
    return number(state, "loss", path, &t->loss);
}

static pwy_status read_moments(struct pwy_trainer *t, const struct pw_tensors *tensors, const char *path)
{
    for (int i = 0; i < t->model->params->n; i++) {
        const struct pw_param *p = t->model->params->list[i];
        real *to[2] = {t->adamw.m[i], t->adamw.v[i]};
        for (int k = 0; k < 2 && to[0] != NULL; k++) {
            char name[1024];
            snprintf(name, sizeof name, "checkpoint.%c/%s", "mv"[k], p->name);
            const struct pw_tensor *tensor = pw_tensors_find(tensors, name);
            if (tensor == NULL || tensor->bytes != (size_t)p->n * sizeof(real))
                return pw_fail(PWY_E_FORMAT, "%s: tensor '%s' is missing or of another size", path, name);
            memcpy(to[k], tensor->data, tensor->bytes);
        }
    }
    return PWY_OK;
}

/* What may change in a run that goes on: none of it is in the model, but how long a run by minutes is. */
static bool may_change(const struct pw_node *saved, const char *key)
{
    static const char *const allowed[] = {"threads", "checkpoint", "max_bad_rows"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strcmp(key, allowed[i]) == 0) return true;
    return strcmp(key, "minutes") == 0 && pw_node_get(saved, "steps") == NULL && pw_node_get(saved, "epochs") == NULL;
}

/* An option that the run began with stays; the log says so where another value was given. */
static pwy_status say_stays(pwy_context *ctx, const struct pw_node *saved, const char *key, const struct pw_node *value)
{
    const struct pw_node *old = pw_node_get(saved, key);
    char *had = old != NULL ? pw_node_to_json(old) : pw_strdup("not given"), *given = pw_node_to_json(value);
    pwy_status status = had == NULL || given == NULL ? PWY_E_NOMEM : PWY_OK;
    if (status == PWY_OK && strcmp(had, given) != 0)
        pw_log(ctx, PWY_LOG_WARNING, "train: the run goes on as it began: %s stays as it was (%s); %s is not taken",
               key, had, given);
    free(had);
    free(given);
    return status;
}

/* The checkpoint's options, with what the caller gives anew laid over them. */
static pwy_status merge_options(pwy_context *ctx, const struct pw_node *saved, const struct pw_node *anew,
                                struct pw_node **out)
{
    PW_TRY(pw_options_read(anew, "train", pw_train_table, NULL));
    PW_NEED(*out = saved != NULL ? pw_node_copy(saved) : pw_node_new(PW_MAP));
    for (int i = 0; anew != NULL && i < anew->n; i++)
        PW_TRY(may_change(saved, anew->key[i]) ? pw_node_put_copy(*out, anew->key[i], anew->item[i])
                                               : say_stays(ctx, saved, anew->key[i], anew->item[i]));
    return PWY_OK;
}

static pwy_status attach_sources(pwy_registry *to, const pwy_registry *from)
{
    PW_TRY(pw_registry_load(to));
    for (int i = 0; i < to->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_get(from, pw_registry_at(to, i)->name, &t));
        for (int s = 0; s < 3; s++)
            if (t->source[s] != NULL) pw_registry_at(to, i)->source[s] = pw_source_hold(t->source[s]);
        PW_TRY(pw_task_cut_default(pw_registry_at(to, i)));
    }
    return PWY_OK;
}

static pwy_status read_bad(struct pwy_trainer *t, const struct pw_node *list)
{
    for (int i = 0; list != NULL && list->kind == PW_LIST && i < list->n; i++) {
        const struct pw_node *row = list->item[i];
        if (row->kind == PW_SCALAR && pw_map_add(t->bad, row->text, strlen(row->text)) < 0) return PWY_E_NOMEM;
    }
    return PWY_OK;
}

static pwy_status restore(struct pwy_trainer *t, const struct pw_node *state, const struct pw_tensors *tensors,
                          const char *path)
{
    const struct pw_node *cursors = pw_node_get(state, "cursors");
    PW_TRY(read_schedule(t, state, path));
    for (int i = 0; i < t->model->registry->n; i++)
        PW_TRY(integer(cursors, pw_registry_at(t->model->registry, i)->name, path, &t->mixture.cursor[i]));
    t->started = pw_clock() - t->schedule.seconds;
    PW_TRY(read_bad(t, pw_node_get(state, "bad_rows")));
    return read_moments(t, tensors, path);
}

static pwy_status open_state(pwy_registry *registry, const struct pw_tensors *tensors, const struct pw_node *state,
                             const char *path, const struct pw_node *anew, struct pwy_trainer **out)
{
    pwy_model *model;
    struct pw_node *options = NULL;
    struct pwy_trainer *t = NULL;
    pwy_status status;
    PW_TRY(pw_model_from_tensors(registry->ctx, tensors, path, true, &model));
    status = attach_sources(model->registry, registry);
    if (status == PWY_OK) status = merge_options(registry->ctx, pw_node_get(state, "options"), anew, &options);
    if (status == PWY_OK) status = pw_trainer_begin(model, options, &t);
    else pw_model_release(model);
    pw_node_free(options);
    if (status == PWY_OK) status = restore(t, state, tensors, path);
    if (status == PWY_OK) *out = t;
    else pw_trainer_close(t);
    return status;
}

static pwy_status read_state(const struct pw_tensors *tensors, const char *path, struct pw_node **out)
{
    const struct pw_tensor *state = pw_tensors_find(tensors, "checkpoint.state");
    if (state == NULL || state->dtype != PW_U8)
        return pw_fail(PWY_E_FORMAT, "%s: not a checkpoint: it has no tensor 'checkpoint.state'", path);
    return pw_node_from_json(state->data, state->bytes, path, out);
}

pwy_status pw_trainer_open_checkpoint(pwy_registry *registry, const char *path, const struct pw_node *options,
                                      struct pwy_trainer **out)
{
    struct pw_mapping file;
    struct pw_tensors *tensors = NULL;
    struct pw_node *state = NULL;
    PW_TRY(pw_map_open(path, &file));
    pwy_status status = pw_tensors_read(file.data, file.len, path, &tensors);
    if (status == PWY_OK) status = read_state(tensors, path, &state);
    if (status == PWY_OK) status = open_state(registry, tensors, state, path, options, out);
    pw_node_free(state);
    pw_tensors_free(tensors);
    pw_map_close(&file);
    return status;
}
