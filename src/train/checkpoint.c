/* A checkpoint: the model's tensors, the optimizer's moments, and the state of schedule and mixture. A run that goes
   on from it ends in the same bytes. */
#include "base/num.h"
#include "file/model_file.h"
#include "train/narrow.h"
#include "route/usage.h"
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

/* Examples learned by doing, of each task that has any. */
static pwy_status put_learned(const struct pwy_trainer *t, struct pw_node *state)
{
    struct pw_node *map;
    if (t->learned == 0) return PWY_OK;
    PW_TRY(pw_node_put_new(state, "learned", PW_MAP, &map));
    for (int i = 0; i < t->model->registry->n; i++)
        if (t->run[i].learned > 0)
            PW_TRY(pw_node_put_int(map, pw_registry_at(t->model->registry, i)->name, t->run[i].learned));
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
    PW_TRY(put_learned(t, state));
    PW_TRY(pw_narrow_put(t, state));
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

/* The moments that there are of one parameter: all of it, or a piece for each expert that ever was moved. */
struct kept { int64_t (*which)[2], n; struct pw_piece *m, *v; };         /* which: expert, last step */
/* where: whose moments come next, as their names begin: the run's, or those of learning by doing */
struct listing { struct pw_tensor *list; int64_t n; struct kept *kept; char *json; const char *where; };
static const char of_run[] = "checkpoint", of_doing[] = "checkpoint.learned";

static pwy_status find_kept(const struct pw_moments *of, struct kept *k)
{
    PW_NEED(k->which = pw_calloc((size_t)of->n + 1, sizeof *k->which));
    PW_NEED(k->m = pw_calloc((size_t)of->n + 1, sizeof *k->m));
    PW_NEED(k->v = pw_calloc((size_t)of->n + 1, sizeof *k->v));
    for (int64_t e = 0; e < of->n; e++) {
        if (of->slot[e].m == NULL) continue;
        k->m[k->n] = (struct pw_piece){of->slot[e].m, 1};
        k->v[k->n] = (struct pw_piece){of->slot[e].v, 1};
        k->which[k->n][0] = e;
        k->which[k->n++][1] = of->slot[e].step;
    }
    return PWY_OK;
}

static pwy_status moment(struct listing *l, const struct pw_param *p, const struct pw_moments *of, const struct kept *k,
                         char which)
{
    struct pw_tensor *out = &l->list[l->n++];
    const struct pw_piece *piece = which == 'm' ? k->m : k->v;
    int64_t size = which == 'm' ? of->size : of->second;
    *out = (struct pw_tensor){.dtype = sizeof(real) == 4 ? PW_F32 : PW_F64, .rank = p->rank,
                              .bytes = (size_t)(k->n * size) * sizeof(real)};
    memcpy(out->shape, p->shape, sizeof p->shape);
    if (size != of->size) out->rank = 2;
    if (size != of->size) out->shape[1] = size;
    if (size != of->size || p->slice != NULL) out->shape[0] = k->n;
    if (p->slice != NULL) {
        out->piece = piece;
        out->n_pieces = (int)k->n;
    } else
        out->data = piece[0].data;
    PW_NEED(out->name = pw_printf("%s.%c/%s", l->where, which, p->name));
    return PWY_OK;
}

static pwy_status numbers(struct listing *l, const struct pw_param *p, const struct kept *k)
{
    struct pw_tensor *out = &l->list[l->n++];
    *out = (struct pw_tensor){.dtype = PW_I64, .rank = 2, .shape = {k->n, 2}, .data = k->which,
                              .bytes = (size_t)k->n * sizeof *k->which};
    PW_NEED(out->name = pw_printf("%s.experts/%s", l->where, p->name));
    return PWY_OK;
}

static pwy_status list_moments(struct listing *l, const struct pw_param *p, const struct pw_moments *of,
                               struct kept *k)
{
    PW_TRY(find_kept(of, k));
    if (k->n == 0) return PWY_OK;
    if (p->slice != NULL) PW_TRY(numbers(l, p, k));
    PW_TRY(moment(l, p, of, k, 'm'));
    return moment(l, p, of, k, 'v');
}

static pwy_status rates(struct listing *l, const struct pw_adamw *a)
{
    struct pw_tensor *out = &l->list[l->n++];
    *out = (struct pw_tensor){.dtype = PW_F64, .rank = 1, .shape = {a->steps}, .data = a->rate,
                              .bytes = (size_t)a->steps * sizeof *a->rate};
    PW_NEED(out->name = pw_strdup("checkpoint.rates"));
    return PWY_OK;
}

/* What the tasks use, whose candidate sets are still to be learned. */
static pwy_status list_usage(const struct pwy_trainer *t, struct listing *l)
{
    const struct pw_usage *u = t->narrowing.usage;
    for (int i = 0; u != NULL && i < u->tasks; i++) {
        if (u->gates[i] == NULL) continue;
        struct pw_tensor *out = &l->list[l->n++];
        *out = (struct pw_tensor){.dtype = PW_F64, .rank = 2, .shape = {u->layers, u->experts}, .data = u->gates[i],
                                  .bytes = (size_t)u->layers * (size_t)u->experts * sizeof(double)};
        PW_NEED(out->name = pw_printf("checkpoint.use/%s", pw_registry_at(t->model->registry, i)->name));
    }
    return PWY_OK;
}

static pwy_status list_all_moments(struct listing *l, const struct pw_adamw *a, const char *where, struct kept *kept)
{
    l->where = where;
    for (int i = 0; a->of != NULL && i < a->n; i++)
        PW_TRY(list_moments(l, a->params->list[i], &a->of[i], &kept[i]));
    return PWY_OK;
}

static pwy_status list_tensors(const struct pwy_trainer *t, struct listing *l)
{
    const struct pw_params *params = t->model->params;
    PW_TRY(state_json(t, &l->json));
    PW_NEED(l->list = pw_calloc((size_t)params->n * 6 + (size_t)t->model->registry->n + 2, sizeof *l->list));
    PW_NEED(l->kept = pw_calloc((size_t)params->n * 2 + 1, sizeof *l->kept));
    l->list[l->n++] = (struct pw_tensor){.dtype = PW_U8, .rank = 1, .shape = {(int64_t)strlen(l->json)},
                                         .data = l->json, .bytes = strlen(l->json)};
    PW_NEED(l->list[0].name = pw_strdup("checkpoint.state"));
    PW_TRY(rates(l, &t->adamw));
    PW_TRY(list_usage(t, l));
    PW_TRY(list_all_moments(l, &t->adamw, of_run, l->kept));
    return list_all_moments(l, &t->doing, of_doing, l->kept + params->n);
}

static void listing_free(const struct pwy_trainer *t, struct listing *l)
{
    for (int64_t i = 0; i < l->n; i++) free(l->list[i].name);
    for (int i = 0; l->kept != NULL && i < 2 * t->model->params->n; i++) {
        free(l->kept[i].which);
        free(l->kept[i].m);
        free(l->kept[i].v);
    }
    free(l->list);
    free(l->kept);
    free(l->json);
}

pwy_status pw_trainer_save(const struct pwy_trainer *t, const char *path)
{
    struct listing l = {0};
    pwy_status status = list_tensors(t, &l);
    if (status == PWY_OK) status = pw_model_write_file(t->model, l.list, l.n, path);
    listing_free(t, &l);
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

/* Whose moments are read; begun: what is no expert must have them; steps: that a moment may have gone through. */
struct reading { const struct pw_tensors *tensors; const char *path, *where; bool begun; int64_t steps; };

static pwy_status bad_tensor(const struct reading *r, const char *what, const struct pw_param *p)
{
    return pw_fail(PWY_E_FORMAT, "%s: tensor '%s.%s/%s' is missing or of another size", r->path, r->where, what,
                   p->name);
}

/* NULL: it is not there. */
static pwy_status find_tensor(const struct reading *r, const char *what, const struct pw_param *p,
                              const struct pw_tensor **out)
{
    char *name;
    PW_NEED(name = pw_printf("%s.%s/%s", r->where, what, p->name));
    *out = pw_tensors_find(r->tensors, name);
    free(name);
    return PWY_OK;
}

static void read_pair(const struct pw_tensor *t, int64_t i, int64_t pair[2])
{
    memcpy(pair, (const char *)t->data + (size_t)i * 2 * sizeof *pair, 2 * sizeof *pair);
}

/* The experts that the moments' pieces belong to, ascending, and how far each has come. */
static pwy_status check_experts(const struct reading *r, const struct pw_tensor *t, const struct pw_param *p, int64_t n)
{
    int64_t last = -1, pair[2];
    if (t == NULL || t->dtype != PW_I64 || t->bytes != (size_t)n * sizeof pair)
        return bad_tensor(r, "experts", p);
    for (int64_t i = 0; i < n; i++) {
        read_pair(t, i, pair);
        if (pair[0] <= last || pair[0] >= p->groups || pair[1] < 0 || pair[1] > r->steps)
            return bad_tensor(r, "experts", p);
        last = pair[0];
    }
    return PWY_OK;
}

/* An expert that was never reached has no moments; what is no expert has them once a step was made. */
static pwy_status read_param(const struct reading *r, const struct pw_param *p, struct pw_moments *of)
{
    const struct pw_tensor *m, *v, *experts = NULL;
    size_t piece = (size_t)of->size * sizeof(real), second = (size_t)of->second * sizeof(real);
    PW_TRY(find_tensor(r, "m", p, &m));
    PW_TRY(find_tensor(r, "v", p, &v));
    if (m == NULL && v == NULL && (p->slice != NULL || !r->begun)) return PWY_OK;
    int64_t n = m == NULL ? 0 : p->slice != NULL ? m->shape[0] : 1;
    if (m == NULL || v == NULL || n > of->n || m->bytes != (size_t)n * piece || v->bytes != (size_t)n * second)
        return bad_tensor(r, "m", p);
    if (p->slice != NULL) {
        PW_TRY(find_tensor(r, "experts", p, &experts));
        PW_TRY(check_experts(r, experts, p, n));
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t pair[2] = {0, 0}, k;
        if (experts != NULL) read_pair(experts, i, pair);
        k = pair[0];
        PW_TRY(pw_adamw_need(of, k));
        of->slot[k].step = pair[1];
        memcpy(of->slot[k].m, (const char *)m->data + (size_t)i * piece, piece);
        memcpy(of->slot[k].v, (const char *)v->data + (size_t)i * second, second);
    }
    return PWY_OK;
}

static pwy_status read_rates(struct pwy_trainer *t, const struct pw_tensors *tensors, const char *path)
{
    const struct pw_tensor *rates = pw_tensors_find(tensors, "checkpoint.rates");
    if (rates == NULL || rates->dtype != PW_F64 || rates->bytes > (size_t)t->schedule.step * sizeof(double))
        return pw_fail(PWY_E_FORMAT, "%s: tensor 'checkpoint.rates' is missing or of another size", path);
    for (int64_t i = 0; i < (int64_t)(rates->bytes / sizeof(double)); i++) {
        double rate;
        memcpy(&rate, (const char *)rates->data + (size_t)i * sizeof rate, sizeof rate);
        if (!(rate >= 0 && rate <= 1e6))
            return pw_fail(PWY_E_FORMAT, "%s: the learning rate of step %lld was %g", path, (long long)i + 1, rate);
        PW_TRY(pw_adamw_rate(&t->adamw, i + 1, rate));
    }
    return PWY_OK;
}

static pwy_status read_all(const struct reading *r, struct pw_adamw *a)
{
    for (int i = 0; i < a->n; i++)
        if (a->of[i].n > 0) PW_TRY(read_param(r, a->params->list[i], &a->of[i]));
    return PWY_OK;
}

static pwy_status read_moments(struct pwy_trainer *t, const struct pw_tensors *tensors, const char *path)
{
    PW_TRY(read_rates(t, tensors, path));
    struct reading run = {tensors, path, of_run, t->schedule.step > 0, t->adamw.steps};
    PW_TRY(read_all(&run, &t->adamw));
    if (t->learned == 0) return PWY_OK;
    struct reading doing = {tensors, path, of_doing, true, t->learned};
    PW_TRY(pw_trainer_open_doing(t));
    return read_all(&doing, &t->doing);
}

/* What may change in a run that goes on: none of it is in the model, but how long a run by minutes is. */
static bool may_change(const struct pw_node *saved, const char *key)
{
    static const char *const allowed[] = {"threads", "checkpoint", "max_bad_rows", "recompute"};
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

static pwy_status read_bad(struct pwy_trainer *t, const struct pw_node *list)
{
    for (int i = 0; list != NULL && list->kind == PW_LIST && i < list->n; i++) {
        const struct pw_node *row = list->item[i];
        if (row->kind == PW_SCALAR && pw_map_add(t->bad, row->text, strlen(row->text)) < 0) return PWY_E_NOMEM;
    }
    return PWY_OK;
}

static pwy_status read_learned(struct pwy_trainer *t, const struct pw_node *learned, const char *path)
{
    for (int i = 0; i < t->model->registry->n; i++) {
        const char *name = pw_registry_at(t->model->registry, i)->name;
        if (pw_node_get(learned, name) == NULL) continue;
        PW_TRY(integer(learned, name, path, &t->run[i].learned));
        t->learned += t->run[i].learned;
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
    PW_TRY(read_learned(t, pw_node_get(state, "learned"), path));
    PW_TRY(pw_narrow_restore(t, state, tensors, path));
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
    status = pw_registry_attach_sources(model->registry, registry);
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
