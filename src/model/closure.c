/* A task's closure: every parameter that its answers read, and none else; its digest. docs/architecture.md. */
#include "base/digest.h"
#include "model/which.h"
#include <stdlib.h>
#include <string.h>

static bool starts(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && (name[len] == '/' || name[len] == '.');
}

/* What follows "task/T" in a name of the task's own; NULL: another's. */
static const char *own_name(const struct pw_net *net, const char *name)
{
    size_t len = strlen(net->task->name);
    if (strncmp(name, "task/", 5) != 0 || strncmp(name + 5, net->task->name, len) != 0) return NULL;
    name += 5 + len;
    return *name == '/' || *name == '.' ? name : NULL;
}

static bool of_senses(const struct pw_net *net, const char *name)
{
    for (int p = 0; p < net->n_parts && !pw_streams(net); p++)
        if (starts(name, net->sense[p].stem)) return true;
    return false;
}

/* A tensor of the trunk whose place the pathway's own takes. */
bool pw_way_replaces(const struct pw_net *net, const char *name)
{
    const struct pw_pathway *way = net->way;
    const char *last = strrchr(name, '.') + 1;
    if (way == NULL) return false;
    if (strcmp(last, "router") == 0 || strcmp(last, "fade") == 0) return way->layer[0].router != NULL;
    if (strcmp(last, "bias") == 0) return way->layer[0].bias != NULL;
    if (strcmp(last, "norm1") == 0 || strcmp(last, "norm2") == 0) return way->layer[0].norm1 != NULL;
    return strcmp(last, "norm") == 0 && way->norm != NULL;
}

static bool reads(const struct pw_net *net, const struct pw_param *p)
{
    if (own_name(net, p->name) != NULL) return true;
    if (starts(p->name, "trunk")) return !pw_way_replaces(net, p->name);
    return of_senses(net, p->name) || (net->writes && p == net->vocabulary->embed) || pw_which_grounds(net, p->name);
}

/* Candidates of the layer that an expert tensor belongs to; NULL: all that the trunk's router knows. */
static const int32_t *candidates(const pwy_model *m, const struct pw_net *net, const struct pw_param *p, int *n)
{
    int layer = pw_trunk_layer_of(p->name);
    const struct pw_way_layer *own = net->way == NULL ? NULL : &net->way->layer[layer];
    *n = own != NULL && own->expert != NULL ? own->n : (int)m->shape.experts;
    return own != NULL && own->expert != NULL ? own->expert : NULL;
}

/* key: the name that the digest knows it by. */
struct member { struct pw_param *p; char *key; bool own; };

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return x->own != y->own ? x->own - y->own : strcmp(x->key, y->key);
}

/* What follows the task in a name of its own; "audio.patch.w" of "audio~2.patch.w": which stem a merged model has is of
   no account. */
static char *key_of(const char *name, const char *own)
{
    char *key = pw_strdup(own != NULL ? own : name), *mark = key != NULL && own == NULL ? strchr(key, '~') : NULL;
    if (mark != NULL) memmove(mark, mark + strcspn(mark, "."), strlen(mark + strcspn(mark, ".")) + 1);
    return key;
}

static pwy_status collect(const pwy_model *m, const struct pw_net *net, struct member *list, int *n)
{
    *n = 0;
    for (int i = 0; i < m->params->n; i++) {
        struct pw_param *p = m->params->list[i];
        const char *own = own_name(net, p->name);
        if (!reads(net, p)) continue;
        list[*n] = (struct member){p, key_of(p->name, own), own != NULL};
        PW_NEED(list[(*n)++].key);
    }
    qsort(list, (size_t)*n, sizeof *list, by_name);
    return PWY_OK;
}

static pwy_status walk_one(const pwy_model *m, const struct pw_net *net, const struct member *e, pw_closure_fn fn,
                           void *arg)
{
    int n;
    if (e->p->slice == NULL) return fn(arg, &(struct pw_closure_part){e->p, -1, 0, e->own, e->key});
    const int32_t *expert = candidates(m, net, e->p, &n);
    for (int i = 0; i < n; i++)
        PW_TRY(fn(arg, &(struct pw_closure_part){e->p, expert != NULL ? expert[i] : i, i, e->own, e->key}));
    return PWY_OK;
}

pwy_status pw_closure_walk(const pwy_model *m, const struct pw_net *net, pw_closure_fn fn, void *arg)
{
    struct member *list;
    int n;
    PW_NEED(list = pw_calloc((size_t)m->params->n + 1, sizeof *list));
    pwy_status status = collect(m, net, list, &n);
    for (int i = 0; i < n && status == PWY_OK; i++) status = walk_one(m, net, &list[i], fn, arg);
    for (int i = 0; i < n; i++) free(list[i].key);
    free(list);
    return status;
}

/* --- its digest --- */

/* Name, shape and numbers of one part. An expert stands under its place among the candidates: its number in this model
   is of no account. */
static pwy_status digest_part(void *arg, const struct pw_closure_part *part)
{
    struct pw_digest *d = arg;
    const struct pw_param *p = part->p;
    int64_t n = part->expert < 0 ? p->n : pw_param_group_size(p);
    int64_t head[] = {part->own, part->place, n, p->shape[part->expert >= 0], p->rank - (part->expert >= 0)};
    pw_digest_add_text(d, part->key);
    pw_digest_add(d, head, sizeof head);
    pw_digest_add(d, part->expert < 0 ? p->w : pw_param_group(p, part->expert), (size_t)n * sizeof(real));
    return PWY_OK;
}

static pwy_status digest_text(struct pw_digest *d, char *text)
{
    PW_NEED(text);
    pw_digest_add_text(d, text);
    free(text);
    return PWY_OK;
}

/* How rows choose their experts and weigh them; nothing where it is the usual way. */
static void digest_router(struct pw_digest *d, const struct pw_shape *s)
{
    double number[] = {s->gate_scale, s->capacity};
    bool usual = s->router == 0 && s->gate == 0 && s->normalise == 0 && s->gate_scale == 1 && s->capacity == 0;
    if (usual || s->experts == 0) return;
    pw_digest_add_text(d, pw_router_all_words[s->router]);
    pw_digest_add_text(d, pw_gate_words[s->gate]);
    pw_digest_add_text(d, pw_normalise_words[s->normalise]);
    pw_digest_add(d, number, sizeof number);
}

/* What of the model's shape an answer depends on. */
static void digest_shape(struct pw_digest *d, const struct pw_shape *s)
{
    int64_t of[] = {s->d, s->layers, s->heads, s->kv_heads, s->topk, s->hidden, s->shared, s->window, s->parallel};
    pw_digest_add(d, of, sizeof of);
    digest_router(d, s);
}

static bool reads_text(const struct pw_net *net)
{
    return pw_has_sense(net->task, net->n_parts, "text") || net->writes;
}

static pwy_status digest_settings(const pwy_model *m, const struct pw_net *net, struct pw_digest *d)
{
    struct pw_node *senses = NULL;
    char *text = NULL;
    PW_TRY(pw_task_closure_json(net->task, &text));
    PW_TRY(digest_text(d, text));
    PW_TRY(pw_senses_to_node(m, net->task->index, &senses));
    text = senses == NULL ? NULL : pw_node_to_json(senses);
    pw_node_free(senses);
    if (senses != NULL) PW_TRY(digest_text(d, text));
    if (net->vocabulary != NULL && reads_text(net)) PW_TRY(digest_text(d, pw_tok_json(net->vocabulary->tok)));
    return PWY_OK;
}

pwy_status pw_closure_digest(const pwy_model *m, const struct pw_net *net, unsigned char out[PW_DIGEST_LEN])
{
    struct pw_digest d;
    pw_digest_begin(&d);
    digest_shape(&d, &m->shape);
    PW_TRY(digest_settings(m, net, &d));
    PW_TRY(pw_closure_walk(m, net, digest_part, &d));
    pw_digest_end(&d, out);
    return PWY_OK;
}

/* --- its size --- */

struct size { int64_t numbers, own; };

static pwy_status add_size(void *arg, const struct pw_closure_part *part)
{
    struct size *s = arg;
    int64_t n = part->expert < 0 ? part->p->n : pw_param_group_size(part->p);
    s->numbers += n;
    if (part->own) s->own += n;
    return PWY_OK;
}

pwy_status pw_closure_size(const pwy_model *m, const struct pw_net *net, int64_t *numbers, int64_t *own)
{
    struct size s = {0};
    PW_TRY(pw_closure_walk(m, net, add_size, &s));
    *numbers = s.numbers;
    *own = s.own;
    return PWY_OK;
}
