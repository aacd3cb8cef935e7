/* A sparse model from a dense one (Komatsuzaki and others 2022): every expert of a layer is its feed-forward, the
   routers are new. Where gates sum to 1 it answers as the dense one does. */
#include "model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what may be asked --- */

/* The same answers: the gates of a row's experts, which are all the same, sum to 1. */
static bool sums_to_one(const struct pw_shape *s)
{
    if (s->gate_scale != 1) return false;
    if (s->router == PW_HASH) return true;
    if (s->router != PW_TOPK && s->router != PW_WHOLE_TASK) return false;
    return s->topk > 1 ? s->normalise == 0 : s->experts == 1 && s->gate == 0;
}

/* By which the gates sum to about 1 while the routers, near zero, tell nothing apart: p is 1/n, sigmoid 1/2. */
static double even_scale(const struct pw_shape *s)
{
    double each = s->gate == 1 ? .5 : 1 / (double)s->experts, met = (double)s->topk;
    if (s->router == PW_EXPERT_CHOICE) met *= s->capacity;
    return s->router == PW_CALLER || met == 0 ? 1 : 1 / (each * met);
}

static pwy_status check_gates(struct pw_upcycle *how)
{
    struct pw_shape *s = &how->shape;
    bool given = s->gate_scale > 0;
    if (!given) s->gate_scale = 1;
    if (sums_to_one(s)) return PWY_OK;
    if (!how->approximate)
        return pw_fail(PWY_E_ARGUMENT, "upcycle: with router %s, topk %lld and normalise %s the gates do not sum to 1, "
                       "so answers would change; topk 2 with normalise chosen would be right, or approximate true",
                       pw_router_word((enum pw_router_policy)s->router), (long long)s->topk,
                       s->normalise == 0 ? "chosen" : "none");
    if (!given) s->gate_scale = even_scale(s);
    return PWY_OK;
}

static pwy_status check_tasks(const pwy_model *dense)
{
    for (int64_t i = 0; i < dense->registry->n; i++) {
        struct pwy_task *t;
        PW_TRY(pw_registry_task(dense->registry, i, &t));
        if (t->sealed)
            return pw_fail(PWY_E_STATE, "upcycle: task '%s' is sealed, so nothing that it reads may change; upcycle "
                           "the model that was sealed", t->name);
    }
    return PWY_OK;
}

static pwy_status check(const pwy_model *dense, struct pw_upcycle *how)
{
    if (dense->shape.experts > 0)
        return pw_fail(PWY_E_STATE, "upcycle: the model has %lld experts a layer already; a dense one, of experts 0, "
                       "would be right", (long long)dense->shape.experts);
    if (how->shape.experts < 1)
        return pw_fail(PWY_E_ARGUMENT, "upcycle: experts is %lld; at least 1 would be right",
                       (long long)how->shape.experts);
    PW_TRY(pw_model_plain(dense));
    PW_TRY(pw_shape_check(&how->shape));
    PW_TRY(check_gates(how));
    return check_tasks(dense);
}

/* --- the parameters --- */

static double root_mean_square(const real *w, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)w[i] * (double)w[i];
    return sqrt(sum / (double)n);
}

pwy_status pw_experts_stir(struct pw_param *p, int64_t first, int64_t n, double noise, struct pw_rng *rng)
{
    int64_t size = pw_param_group_size(p);
    for (int64_t e = first; e < first + n; e++) {
        PW_TRY(pw_slice_own(p, e));
        double spread = noise * root_mean_square(p->slice[e].w, size);
        for (int64_t i = 0; i < size; i++) p->slice[e].w[i] += (real)(spread * pw_rng_normal(rng));
    }
    return PWY_OK;
}

static pwy_status add_noise(struct pw_param *p, const struct pw_upcycle *how)
{
    struct pw_rng rng = pw_rng_at((uint64_t)how->seed ^ pw_hash("upcycle", 7), pw_hash(p->name, strlen(p->name)), 0);
    return pw_experts_stir(p, 0, p->groups, how->noise, &rng);
}

/* "trunk.L.ffn.WHAT" becomes "trunk.L.experts.WHAT": one matrix, read by every expert until it trains. */
static pwy_status spread_out(struct pw_params *set, const struct pw_param *p, const char *what,
                             const struct pw_upcycle *how)
{
    int64_t shape[3] = {how->shape.experts, p->shape[0], p->shape[1]};
    int before = (int)(what - p->name);
    char name[64];
    real **each;
    snprintf(name, sizeof name, "%.*s.experts.%s", before, p->name, what + strlen(".ffn."));
    PW_NEED(each = pw_calloc((size_t)shape[0], sizeof *each));
    for (int64_t e = 0; e < shape[0]; e++) each[e] = p->w;
    pwy_status status = pw_params_bring_slices(set, name, 3, shape, each);
    free(each);
    PW_TRY(status);
    return how->noise > 0 ? add_noise(set->list[set->n - 1], how) : PWY_OK;
}

static pwy_status take_params(const pwy_model *dense, const struct pw_upcycle *how, pwy_model *own)
{
    PW_NEED(own->params = pw_params_new((uint64_t)how->seed));
    for (int i = 0; i < dense->params->n; i++) {
        const struct pw_param *p = dense->params->list[i];
        const char *ffn = pw_trunk_owns(p->name) ? strstr(p->name, ".ffn.") : NULL;
        PW_TRY(ffn != NULL ? spread_out(own->params, p, ffn, how) : pw_params_borrow(own->params, p));
    }
    return PWY_OK;
}

/* --- the model --- */

static pwy_status build(const pwy_model *dense, const struct pw_upcycle *how, pwy_model *own)
{
    own->parent = pw_model_hold((pwy_model *)(uintptr_t)dense);
    own->shape = how->shape;
    PW_TRY(pw_vocabularies_copy(dense, own));
    PW_TRY(pw_model_copy_tasks(dense, own));
    PW_TRY(pw_model_check_router(own));
    PW_TRY(take_params(dense, how, own));
    PW_TRY(pw_model_assemble(own));             /* declares what is new: routers */
    own->params->closed = true;
    own->params->seed = (uint64_t)own->shape.seed;
    return PWY_OK;
}

#define FIELD(name, type, min, max) {#name, type, offsetof(struct pw_upcycle, shape.name), min, max}
#define WORD(name, words) {#name, PW_OPT_WORD, offsetof(struct pw_upcycle, shape.name), 0, 0, words}
static const struct pw_option table[] = {
    FIELD(experts, PW_OPT_INT, 0, 65536), FIELD(topk, PW_OPT_INT, 1, 64), FIELD(balance, PW_OPT_NUMBER, 0, 10),
    FIELD(zloss, PW_OPT_NUMBER, 0, 10), FIELD(expert_lr, PW_OPT_NUMBER, .01, 100), WORD(router, pw_router_all_words),
    WORD(gate, pw_gate_words), WORD(normalise, pw_normalise_words), WORD(balance_by, pw_balance_words),
    FIELD(gate_scale, PW_OPT_NUMBER, 0, 1e6), FIELD(capacity, PW_OPT_NUMBER, 0, 1e6),
    FIELD(bias_rate, PW_OPT_NUMBER, 0, 1), FIELD(jitter, PW_OPT_NUMBER, 0, .99),
    {"noise", PW_OPT_NUMBER, offsetof(struct pw_upcycle, noise), 0, 10},
    {"seed", PW_OPT_INT, offsetof(struct pw_upcycle, seed), 0, 9e15},
    {"approximate", PW_OPT_FLAG, offsetof(struct pw_upcycle, approximate), 0, 0}, {0}};

/* Of what is said of routers and experts in the dense model's shape only the weights of the losses stand. */
static pwy_status read_how(const pwy_model *dense, const struct pw_node *options, struct pw_upcycle *how)
{
    *how = (struct pw_upcycle){.shape = dense->shape, .seed = 1};
    struct pw_shape *s = &how->shape;
    s->topk = 2;
    s->router = PW_TOPK;
    s->gate = s->normalise = s->balance_by = 0;
    s->gate_scale = s->capacity = s->jitter = 0;
    return pw_options_read(options, "upcycle", table, how);
}

pwy_status pw_model_upcycle(const pwy_model *dense, const struct pw_node *options, pwy_model **out)
{
    struct pw_upcycle how;
    pwy_model *own;
    PW_TRY(read_how(dense, options, &how));
    PW_TRY(check(dense, &how));
    PW_TRY(pw_model_make(dense->ctx, &own));
    pwy_status status = build(dense, &how, own);
    if (status == PWY_OK) *out = own;
    else pw_model_release(own);
    return status;
}
