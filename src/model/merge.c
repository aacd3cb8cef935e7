/* Two models of one ancestry made one: the second's tasks that the first has not come behind the first's, with what
   they read that the first has not. */
#include "base/digest.h"
#include "model/stems.h"
#include "task/record.h"
#include <stdlib.h>
#include <string.h>

struct merging {
    const pwy_model *a, *b;
    pwy_model *own;
    int32_t **id;                       /* [layers] (experts of b): their numbers in the merged model */
    struct pw_stem_names stems;         /* b's, in the merged model */
};

/* --- one ancestry --- */

static pwy_status other_ancestry(const char *what)
{
    return pw_fail(PWY_E_ARGUMENT, "merge: '%s' is not the same in both models; only models that grew from one sealed "
                   "model can be merged", what);
}

static pwy_status same_word(const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) == 0) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "merge: '%s' is %s in the first model and %s in the second; only models that grew "
                   "from one sealed model can be merged", what, a, b);
}

/* All but the number of experts, which changed where some went or grew, and the ids of texts that came later. */
static pwy_status same_words(const struct pw_node *a, const struct pw_node *b)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->key[i], "experts") == 0 || strcmp(a->key[i], "vocab") == 0) continue;
        PW_TRY(same_word(a->key[i], a->item[i]->text, b->item[i]->text));
    }
    return PWY_OK;
}

static pwy_status same_shape(const struct pw_shape *a, const struct pw_shape *b)
{
    struct pw_node *ours, *theirs = NULL;
    PW_TRY(same_word("experts", a->experts == 0 ? "0" : "more than 0", b->experts == 0 ? "0" : "more than 0"));
    PW_TRY(pw_shape_to_node(a, &ours));
    pwy_status status = pw_shape_to_node(b, &theirs);
    if (status == PWY_OK) status = same_words(ours, theirs);
    pw_node_free(ours);
    pw_node_free(theirs);
    return status;
}

/* The trunk's; what senses share may have come to both after they parted. Sealed tasks have routers of their own: what
   is left of the trunk's, or grew, does not matter. */
static pwy_status same_trunk(const pwy_model *a, const pwy_model *b)
{
    for (int i = 0; i < b->params->n; i++) {
        const struct pw_param *theirs = b->params->list[i], *ours = pw_params_find(a->params, theirs->name);
        bool common = pw_trunk_owns(theirs->name) && !pw_trunk_routes(theirs->name) && theirs->slice == NULL;
        if (!common || ours == NULL) continue;
        if (ours->n != theirs->n || memcmp(ours->w, theirs->w, (size_t)ours->n * sizeof(real)) != 0)
            return other_ancestry(theirs->name);
    }
    return PWY_OK;
}

/* A sealed task of the same name and digest is the same task. */
static pwy_status compare(const struct pwy_task *ours, const struct pwy_task *theirs)
{
    bool known = ours->sealed && ours->digest != NULL && theirs->digest != NULL;
    if (known && memcmp(ours->digest, theirs->digest, PW_DIGEST_LEN) == 0) return PWY_OK;
    return pw_fail(PWY_E_EXISTS, "merge: both models have a task '%s', %s; rename one", theirs->name,
                   ours->sealed ? "and they are not the same (their digests differ)" : "sealed in the second alone");
}

/* Of b's tasks, those that a has not: *n of them. */
static pwy_status choose_tasks(const pwy_model *a, const pwy_model *b, bool *keep, int64_t *n)
{
    *n = 0;
    for (int64_t i = 0; i < b->registry->n; i++) {
        struct pwy_task *t, *same;
        PW_TRY(pw_registry_task(b->registry, i, &t));
        if (!t->sealed) return pw_fail(PWY_E_STATE, "merge: task '%s' is not sealed; seal it first", t->name);
        keep[i] = pw_registry_find(a->registry, t->name, &same) != PWY_OK;
        *n += keep[i];
        if (keep[i]) continue;
        PW_TRY(pw_task_fill(same));
        PW_TRY(compare(same, t));
    }
    return PWY_OK;
}

/* --- experts --- */

static bool same_expert(const struct pw_param *p, int e, const struct pw_param *q, int f)
{
    return memcmp(p->slice[e].w, q->slice[f].w, (size_t)pw_param_group_size(p) * sizeof(real)) == 0;
}

/* Where b's expert stands in the first, behind `last`: under its own number most often; -1: it has to come along. */
static int find_expert(const struct merging *g, int layer, int e, int last)
{
    struct pw_param *w13, *w2, *b13, *b2;
    pw_trunk_expert_params(g->own->trunk, layer, &w13, &w2);
    pw_trunk_expert_params(g->b->trunk, layer, &b13, &b2);
    int n = pw_trunk_experts(g->own->trunk, layer);
    for (int i = 0; i < n; i++) {
        int at = (e + i) % n;
        if (at > last && same_expert(w13, at, b13, e) && same_expert(w2, at, b2, e)) return at;
    }
    return -1;
}

static pwy_status bring_expert(struct merging *g, int layer, int e)
{
    struct pw_param *w[2], *from[2];
    int at = pw_trunk_experts(g->own->trunk, layer);
    PW_TRY(pw_trunk_grow(g->own->trunk, layer, 1));
    pw_trunk_expert_params(g->own->trunk, layer, &w[0], &w[1]);
    pw_trunk_expert_params(g->b->trunk, layer, &from[0], &from[1]);
    for (int i = 0; i < 2; i++)
        memcpy(w[i]->slice[at].w, from[i]->slice[e].w, (size_t)pw_param_group_size(w[i]) * sizeof(real));
    g->id[layer][e] = at;
    return PWY_OK;
}

/* behind (n, n): those that stand right before it in a task's list of candidates. */
static pwy_status read_lists(const pwy_model *b, int layer, int n, bool *behind)
{
    for (int64_t t = 0; t < b->registry->n; t++) {
        struct pw_net *net;
        int some;
        PW_TRY(pw_net_open(b, t, &net));
        const int32_t *list = pw_net_candidates(b, net, layer, &some);
        for (int i = 1; list != NULL && i < some; i++) behind[(size_t)list[i] * (size_t)n + (size_t)list[i - 1]] = true;
    }
    return PWY_OK;
}

/* Candidates ascend: one that is there before what comes before it in a list, as in what was extracted and added to,
   comes along once more. */
static pwy_status merge_layer(struct merging *g, int layer, int n, const bool *behind)
{
    int32_t *id = g->id[layer];
    for (int e = 0; e < n; e++) {
        int last = -1;
        for (int f = 0; f < e; f++)
            if (behind[(size_t)e * (size_t)n + (size_t)f] && id[f] > last) last = id[f];
        if ((id[e] = find_expert(g, layer, e, last)) < 0) PW_TRY(bring_expert(g, layer, e));
    }
    return PWY_OK;
}

static pwy_status merge_experts(struct merging *g)
{
    int layers = (int)g->b->shape.layers;
    PW_NEED(g->id = pw_calloc((size_t)layers, sizeof *g->id));
    for (int l = 0; l < layers && g->b->shape.experts > 0; l++) {
        int n = pw_trunk_experts(g->b->trunk, l);
        bool *behind;
        PW_NEED(g->id[l] = pw_calloc((size_t)n + 1, sizeof **g->id));
        PW_NEED(behind = pw_calloc((size_t)n * (size_t)n + 1, sizeof *behind));
        pwy_status status = read_lists(g->b, l, n, behind);
        if (status == PWY_OK) status = merge_layer(g, l, n, behind);
        free(behind);
        PW_TRY(status);
    }
    return PWY_OK;
}

/* --- tasks --- */

static pwy_status senses_of(void *arg, int64_t task, struct pw_node **out)
{
    return pw_senses_to_node(arg, task, out);
}

static pwy_status two_images(const struct merging *g, struct pw_image im[2], pwy_registry **out)
{
    struct pw_task_segment_bytes bytes[2];
    PW_TRY(pw_registry_image(g->a->registry, 0, senses_of, (void *)(uintptr_t)g->a, &im[0]));
    PW_TRY(pw_registry_image(g->b->registry, 0, senses_of, (void *)(uintptr_t)g->b, &im[1]));
    for (int i = 0; i < 2; i++) bytes[i] = pw_image_bytes(&im[i]);
    bytes[0].name = bytes[1].name = "model";
    return pw_registry_open(g->a->ctx, bytes, 2, true, out);
}

static pwy_status merge_tasks(struct merging *g)
{
    struct pw_image im[2] = {{{0}}};
    pwy_status status = two_images(g, im, &g->own->registry);
    for (int i = 0; i < 2; i++) pw_image_free(&im[i]);
    if (status == PWY_OK) status = pw_registry_load(g->own->registry);
    for (int64_t i = g->a->registry->n; status == PWY_OK && i < g->own->registry->n; i++)
        status = pw_stems_give(&g->stems, pw_registry_at(g->own->registry, i));
    return status;
}

/* --- all of it --- */

static pwy_status bring_vocabularies(struct merging *g)
{
    for (int i = 0; i < g->stems.n; i++) {
        const struct pw_stem_name *s = &g->stems.list[i];
        const struct pw_vocabulary *v = pw_vocabulary_of(g->b, s->from);
        if (v != NULL && pw_vocabulary_of(g->own, s->to) == NULL)
            PW_TRY(pw_vocabulary_add(g->own, s->to, pw_tok_hold(v->tok)));
    }
    return PWY_OK;
}

static pwy_status bring_param(struct merging *g, const struct pw_param *p)
{
    char *name;
    if (pw_trunk_routes(p->name)) return PWY_OK;
    PW_NEED(name = pw_stems_name(&g->stems, p->name));
    bool there = pw_params_find(g->own->params, name) != NULL;
    pwy_status status = there ? PWY_OK : pw_params_borrow_as(g->own->params, p, name);
    free(name);
    return status;
}

static pwy_status merge_params(struct merging *g)
{
    pwy_model *own = g->own;
    PW_NEED(own->params = pw_params_new((uint64_t)g->a->shape.seed));
    for (int i = 0; i < g->a->params->n; i++) PW_TRY(pw_params_borrow(own->params, g->a->params->list[i]));
    PW_TRY(pw_vocabularies_copy(g->a, own));
    PW_TRY(pw_stems_choose(g->b, own, &g->stems));
    PW_TRY(bring_vocabularies(g));
    for (int i = 0; i < g->b->params->n; i++) PW_TRY(bring_param(g, g->b->params->list[i]));
    own->params->closed = true;
    return PWY_OK;
}

static pwy_status merge(struct merging *g)
{
    pwy_model *own = g->own;
    own->parent = pw_model_hold((pwy_model *)(uintptr_t)g->a);
    own->other = pw_model_hold((pwy_model *)(uintptr_t)g->b);
    own->shape = g->a->shape;
    PW_TRY(merge_params(g));
    PW_TRY(merge_tasks(g));
    PW_TRY(pw_model_assemble(own));
    pw_model_copy_loads(g->a, own);
    PW_TRY(merge_experts(g));
    for (int64_t i = g->a->registry->n; i < own->registry->n; i++)
        PW_TRY(pw_task_renumber(pw_registry_at(own->registry, i), g->b, g->id));
    return PWY_OK;
}

static pwy_status merge_all(const pwy_model *a, const pwy_model *b, pwy_model **out)
{
    struct merging g = {.a = a, .b = b};
    PW_TRY(pw_model_make(a->ctx, &g.own));
    pwy_status status = merge(&g);
    for (int l = 0; g.id != NULL && l < b->shape.layers; l++) free(g.id[l]);
    free(g.id);
    pw_stems_free(&g.stems);
    if (status == PWY_OK) *out = g.own;
    else pw_model_release(g.own);
    return status;
}

static pwy_status merge_some(const pwy_model *a, const pwy_model *b, const bool *keep, pwy_model **out)
{
    pwy_model *lean;
    PW_TRY(pw_model_restrict(b, keep, &lean));
    pwy_status status = merge_all(a, lean, out);
    pw_model_release(lean);
    return status;
}

pwy_status pw_model_merge(const pwy_model *a, const pwy_model *b, pwy_model **out)
{
    bool *keep;
    int64_t n;
    PW_TRY(pw_model_plain(a));
    PW_TRY(pw_model_plain(b));
    PW_TRY(same_shape(&a->shape, &b->shape));
    PW_NEED(keep = pw_calloc((size_t)b->registry->n + 1, sizeof *keep));
    pwy_status status = choose_tasks(a, b, keep, &n);
    if (status == PWY_OK) status = same_trunk(a, b);
    if (status == PWY_OK && n == 0) *out = pw_model_hold((pwy_model *)(uintptr_t)a);
    else if (status == PWY_OK) status = merge_some(a, b, keep, out);
    free(keep);
    return status;
}
