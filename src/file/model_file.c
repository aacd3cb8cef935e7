/* Models to and from safetensors. The configuration is one JSON tensor, the tokenizer another, the tasks a few. */
#include "file/model_file.h"
#include "file/registry_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef PATHWAYS_DOUBLE
#define REAL_TYPE PW_F64
#else
#define REAL_TYPE PW_F32
#endif

/* --- writing --- */

static pwy_status put_config(const pwy_model *m, struct pw_node *config)
{
    struct pw_node *node;
    PW_TRY(pw_node_put_int(config, "version", PW_FORMAT_VERSION));
    PW_TRY(pw_shape_to_node(&m->shape, &node));
    PW_TRY(pw_node_put(config, "shape", node));
    return pw_node_put_copy(config, "run", m->run);
}

pwy_status pw_config_json(const pwy_model *m, char **out)
{
    struct pw_node *config;
    pwy_status status;
    PW_NEED(config = pw_node_new(PW_MAP));
    status = put_config(m, config);
    if (status == PWY_OK) status = (*out = pw_node_to_json(config)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(config);
    return status;
}

struct pw_tensor pw_text_tensor(const char *name, const char *text)
{
    return (struct pw_tensor){.name = (char *)(uintptr_t)name, .dtype = PW_U8, .rank = 1,
                              .shape = {(int64_t)strlen(text)}, .data = text,
                              .bytes = strlen(text)};
}

struct pw_tensor pw_load_tensor(const pwy_model *m, int layer)
{
    int64_t n = pw_trunk_experts(m->trunk, layer);
    return (struct pw_tensor){.dtype = PW_F64, .rank = 1, .shape = {n}, .data = pw_trunk_load(m->trunk, layer),
                              .bytes = (size_t)n * sizeof(double)};
}

struct pw_tensor pw_param_tensor(const struct pw_param *p)
{
    struct pw_tensor t = {.name = p->name, .dtype = REAL_TYPE, .rank = p->rank, .data = p->w,
                          .bytes = (size_t)p->n * sizeof(real)};
    memcpy(t.shape, p->shape, sizeof p->shape);
    return t;
}

/* --- the tensors of parameters --- */

static pwy_status params_room(struct pw_param_list *l, const struct pw_params *set, size_t more)
{
    int64_t experts = 0;
    for (int i = 0; i < set->n; i++) experts += set->list[i]->slice != NULL ? set->list[i]->groups : 0;
    PW_NEED(l->list = pw_calloc(2 * (size_t)set->n + more + 1, sizeof *l->list));
    PW_NEED(l->piece = pw_calloc((size_t)experts + 1, sizeof *l->piece));
    PW_NEED(l->name = pw_calloc(2 * (size_t)set->n + 1, sizeof *l->name));
    return PWY_OK;
}

static pwy_status add_packed(struct pw_param_list *l, const struct pw_param *p)
{
    int n;
    pwy_status status = pw_packed_list(p, l->list + l->n, &n);
    for (int i = 0; i < n; i++) l->name[l->n_names++] = l->list[l->n++].name;
    return status;
}

static pwy_status add_param(struct pw_param_list *l, const struct pw_param *p)
{
    struct pw_tensor t = pw_param_tensor(p);
    if (p->packed.at != NULL) return add_packed(l, p);
    if (p->slice != NULL) {
        t.piece = l->piece + l->n_pieces;
        t.n_pieces = (int)p->groups;
    }
    for (int e = 0; e < t.n_pieces; e++) l->piece[l->n_pieces++] = (struct pw_piece){pw_param_group(p, e), 1};
    l->list[l->n++] = t;
    return PWY_OK;
}

static pwy_status add_params(struct pw_param_list *l, const struct pw_params *set)
{
    for (int i = 0; i < set->n; i++) PW_TRY(add_param(l, set->list[i]));
    return PWY_OK;
}

pwy_status pw_param_list(const struct pw_params *set, struct pw_param_list *l)
{
    PW_TRY(params_room(l, set, 0));
    return add_params(l, set);
}

void pw_param_list_free(struct pw_param_list *l)
{
    for (int i = 0; i < l->n_names; i++) free(l->name[i]);
    free(l->name);
    free(l->piece);
    free(l->list);
}

/* --- the tensors of a model --- */

struct listing { struct pw_param_list of; struct pw_text_tensors tokenizers; char *config; char (*load_name)[40];
    struct pw_image tasks; };

static void listing_free(struct listing *l)
{
    pw_param_list_free(&l->of);
    free(l->config);
    pw_text_tensors_free(&l->tokenizers);
    free(l->load_name);
    pw_image_free(&l->tasks);
}

static pwy_status net_senses(void *arg, int64_t task, struct pw_node **out)
{
    return pw_senses_to_node(arg, task, out);
}

/* The registry's tensors; what is empty is left out. */
static pwy_status listing_tasks(const pwy_model *m, struct listing *l)
{
    PW_TRY(pw_registry_image(m->registry, 0, net_senses, (void *)(uintptr_t)m, &l->tasks));
    l->of.n += pw_registry_tensors(&l->tasks, l->of.list + l->of.n);
    return PWY_OK;
}

static pwy_status listing_texts(const pwy_model *m, struct listing *l)
{
    const struct pw_text_tensors *t = &l->tokenizers;
    PW_TRY(pw_config_json(m, &l->config));
    l->of.list[l->of.n++] = pw_text_tensor("pathways.config", l->config);
    for (int i = 0; i < t->n; i++) l->of.list[l->of.n++] = pw_text_tensor(t->name[i], t->text[i]);
    return PWY_OK;
}

static void listing_loads(const pwy_model *m, struct listing *l)
{
    for (int i = 0; i < m->shape.layers && m->shape.experts > 0; i++) {
        struct pw_tensor *t = &l->of.list[l->of.n++];
        snprintf(l->load_name[i], sizeof l->load_name[i], "trunk.%d.load", i);
        *t = pw_load_tensor(m, i);
        t->name = l->load_name[i];
    }
}

static pwy_status listing_make(const pwy_model *m, const struct pw_tensor *extra, int64_t n_extra, struct listing *l)
{
    PW_TRY(pw_tokenizer_tensors(m, NULL, &l->tokenizers));
    size_t others = (size_t)m->shape.layers + (size_t)n_extra + 1 + (size_t)l->tokenizers.n + PW_REGISTRY_TENSORS;
    PW_TRY(params_room(&l->of, m->params, others));
    PW_NEED(l->load_name = pw_calloc((size_t)m->shape.layers + 1, sizeof *l->load_name));
    PW_TRY(listing_texts(m, l));
    PW_TRY(listing_tasks(m, l));
    listing_loads(m, l);
    PW_TRY(add_params(&l->of, m->params));
    for (int64_t i = 0; i < n_extra; i++) l->of.list[l->of.n++] = extra[i];
    return PWY_OK;
}

static pwy_status make_metadata(struct pw_node **out)
{
    struct pw_node *map;
    PW_NEED(map = pw_node_new(PW_MAP));
    pwy_status status = pw_node_put_text(map, "format", "pathways 2");
    if (status == PWY_OK) *out = map;
    else pw_node_free(map);
    return status;
}

pwy_status pw_model_write(const pwy_model *m, const struct pw_tensor *extra, int64_t n_extra, pw_write_fn write,
                          void *arg)
{
    struct listing l = {0};
    struct pw_node *metadata = NULL;
    pwy_status status = listing_make(m, extra, n_extra, &l);
    if (status == PWY_OK) status = make_metadata(&metadata);
    if (status == PWY_OK) status = pw_digested_write(l.of.list, l.of.n, metadata, write, arg);
    pw_node_free(metadata);
    listing_free(&l);
    return status;
}

/* In place, with what was beside the old one taken away before the next writer may come. */
static pwy_status put_in_place(struct pw_replace *r, const char *path)
{
    char *resolved;
    PW_TRY(pw_path_resolve(path, &resolved));
    int deltas = pw_deltas_count(resolved);
    pwy_status status = pw_replace_publish(r);
    if (status == PWY_OK) pw_deltas_remove(resolved, deltas);
    free(resolved);
    return status;
}

pwy_status pw_model_write_file(const pwy_model *m, const struct pw_tensor *extra, int64_t n_extra, const char *path)
{
    struct pw_replace *r;
    PW_TRY(pw_replace_begin(path, &r));
    int fd = pw_replace_fd(r);
    pwy_status status = pw_model_write(m, extra, n_extra, pw_write_to_fd, &fd);
    if (status == PWY_OK) status = put_in_place(r, path);
    pw_replace_abort(r);
    return status;
}

/* The tasks of base and deltas as one file's. */
struct whole_registry { pwy_context *ctx; struct pw_image image; };

static pwy_status put_registry(void *arg, const struct pw_chain *c, struct pw_tensor *list, int64_t *n)
{
    struct whole_registry *w = arg;
    pwy_registry *r;
    PW_TRY(pw_registry_from_chain(w->ctx, c, &r));
    pwy_status status = pw_registry_image(r, 0, NULL, NULL, &w->image);
    if (status == PWY_OK) *n = pw_registry_tensors(&w->image, list);
    pwy_registry_free(r);
    return status;
}

pwy_status pw_model_pack(const char *path)
{
    struct whole_registry w = {0};
    PW_TRY(pw_context_or_default(NULL, &w.ctx));
    pwy_status status = pw_chain_pack(path, put_registry, &w);
    pw_image_free(&w.image);
    pw_context_release(w.ctx);
    return status;
}

static pwy_status write_buf(void *arg, const void *data, size_t len)
{
    return pw_buf_add(arg, data, len);
}

pwy_status pw_model_write_memory(const pwy_model *m, struct pw_buf *out)
{
    return pw_model_write(m, NULL, 0, write_buf, out);
}

/* --- reading --- */

static pwy_status read_json(const struct pw_tensors *tensors, const char *tensor, const char *name,
                            struct pw_node **out)
{
    const struct pw_tensor *t = pw_tensors_find(tensors, tensor);
    if (t == NULL || t->dtype != PW_U8)
        return pw_fail(PWY_E_FORMAT, "%s: not a pathways model: it has no tensor '%s' of bytes", name, tensor);
    return pw_node_from_json(t->data, t->bytes, name, out);
}

static pwy_status check_version(const struct pw_node *config, const char *name)
{
    const struct pw_node *version = pw_node_get(config, "version");
    if (version != NULL && version->kind == PW_SCALAR && strcmp(version->text, "2") == 0) return PWY_OK;
    return pw_fail(PWY_E_UNSUPPORTED, "%s: format version %s; this library reads version %d", name,
                   version != NULL && version->kind == PW_SCALAR ? version->text : "?", PW_FORMAT_VERSION);
}

/* Tensors that are not parameters: the model's texts and loads, and a checkpoint's own. */
static bool is_param(const struct pw_tensor *t)
{
    size_t len = strlen(t->name);
    return t->dtype == REAL_TYPE && !pw_is_packed(t) && strncmp(t->name, "pathways.", 9) != 0
        && strncmp(t->name, "checkpoint.", 11) != 0
        && !(len > 5 && strcmp(t->name + len - 5, ".load") == 0);
}

/* A tensor that deltas added to: experts lie where their file has them. */
static pwy_status bring_pieces(struct pw_params *set, const struct pw_tensor *t)
{
    int64_t n = t->shape[0], size = n > 0 ? (int64_t)(t->bytes / (size_t)n / sizeof(real)) : 0, at = 0;
    real **slice;
    PW_NEED(slice = pw_calloc((size_t)n + 1, sizeof *slice));
    for (int k = 0; k < t->n_pieces; k++)
        for (int64_t e = 0; e < t->piece[k].n && at < n; e++)
            slice[at++] = (real *)(uintptr_t)t->piece[k].data + e * size;
    pwy_status status = pw_params_bring_slices(set, t->name, t->rank, t->shape, slice);
    free(slice);
    return status;
}

static pwy_status bring(struct pw_params *set, const struct pw_tensor *t, bool own)
{
    real *w = (real *)(uintptr_t)t->data;
    if (t->n_pieces > 0 && !own) return bring_pieces(set, t);
    own = own || (uintptr_t)t->data % sizeof(real) != 0;
    if (own) {
        PW_NEED(w = pw_calloc(t->bytes / sizeof(real) + 1, sizeof(real)));
        pw_tensor_copy(t, w);
    }
    return pw_params_bring(set, t->name, t->rank, t->shape, w, !own);
}

static pwy_status read_params(pwy_model *m, const struct pw_tensors *tensors, bool own)
{
    PW_NEED(m->params = pw_params_new((uint64_t)m->shape.seed));
    for (int64_t i = 0; i < tensors->n; i++)
        if (pw_is_packed(&tensors->list[i]))
            PW_TRY(pw_packed_bring(m->params, tensors, &tensors->list[i], own));
        else if (is_param(&tensors->list[i]))
            PW_TRY(bring(m->params, &tensors->list[i], own));
    m->params->closed = true;
    return PWY_OK;
}

static void read_loads(pwy_model *m, const struct pw_tensors *tensors)
{
    for (int i = 0; i < m->shape.layers && m->shape.experts > 0; i++) {
        char name[40];
        snprintf(name, sizeof name, "trunk.%d.load", i);
        const struct pw_tensor *t = pw_tensors_find(tensors, name);
        double *load = pw_trunk_load(m->trunk, i);
        size_t bytes = (size_t)pw_trunk_experts(m->trunk, i) * sizeof(double);
        if (t != NULL && load != NULL && t->dtype == PW_F64 && t->bytes == bytes)
            memcpy(load, t->data, t->bytes);
    }
}

/* Where a model is read from. chain: the files that the tensors are of, or NULL: bytes. */
struct origin { const struct pw_tensors *tensors; const char *name; bool own; const struct pw_chain *chain; };

static pwy_status read_registry(pwy_model *m, const struct origin *from)
{
    if (from->chain != NULL) return pw_registry_from_chain(m->ctx, from->chain, &m->registry);
    return pw_registry_from_tensors(m->ctx, from->tensors, from->name, from->own, &m->registry);
}

static pwy_status read_model(pwy_model *m, const struct pw_node *config, const struct origin *from)
{
    const struct pw_node *run = pw_node_get(config, "run");
    const struct pw_tensors *tensors = from->tensors;
    PW_TRY(check_version(config, from->name));
    PW_TRY(pw_options_read(pw_node_get(config, "shape"), "shape", pw_shape_options, &m->shape));
    PW_TRY(read_registry(m, from));
    PW_TRY(pw_tokenizers_read(m, tensors, from->name));
    PW_TRY(read_params(m, tensors, from->own));
    PW_TRY(pw_model_assemble(m));
    read_loads(m, tensors);
    if (run != NULL) PW_NEED(m->run = pw_node_copy(run));
    return PWY_OK;
}

/* A fault is the file's, whatever the function that found it calls it; a kind or sense that this build lacks is not. */
static pwy_status blame_file(const char *name, pwy_status status)
{
    char *why = pw_strdup(pwy_error_message());
    PW_NEED(why);
    if (status != PWY_E_NOMEM && status != PWY_E_UNSUPPORTED) status = PWY_E_FORMAT;
    bool named = status == PWY_E_NOMEM || strstr(why, name) != NULL;
    pw_fail(status, "%s%s%s", named ? "" : name, named ? "" : ": ", why);
    free(why);
    return status;
}

static pwy_status model_from(pwy_context *ctx, const struct origin *from, pwy_model **out)
{
    struct pw_node *config;
    pwy_model *m;
    pwy_status status;
    PW_TRY(read_json(from->tensors, "pathways.config", from->name, &config));
    status = pw_model_make(ctx, &m);
    if (status == PWY_OK) {
        status = read_model(m, config, from);
        if (status == PWY_OK) *out = m;
        else pw_model_release(m);
    }
    pw_node_free(config);
    return status == PWY_OK ? PWY_OK : blame_file(from->name, status);
}

pwy_status pw_model_from_tensors(pwy_context *ctx, const struct pw_tensors *tensors, const char *name, bool own,
                                 pwy_model **out)
{
    return model_from(ctx, &(struct origin){tensors, name, own, NULL}, out);
}

static pwy_status from_bytes(pwy_context *ctx, const char *data, size_t len, const char *name, bool own,
                             pwy_model **out)
{
    struct pw_tensors *tensors;
    PW_TRY(pw_tensors_read(data, len, name, &tensors));
    pwy_status status = pw_model_from_tensors(ctx, tensors, name, own, out);
    pw_tensors_free(tensors);
    return status;
}

/* What is read whole must lie in one place: of a model only experts are added to slice by slice. */
static pwy_status check_pieces(const struct pw_tensors *t, const char *name)
{
    for (int64_t i = 0; i < t->n; i++) {
        const struct pw_tensor *x = &t->list[i];
        if (x->n_pieces == 0 || (strstr(x->name, ".experts.") != NULL && (x->rank == 3 || pw_is_packed(x)))) continue;
        return pw_fail(PWY_E_FORMAT, "%s: a delta adds slices to tensor '%s'; only experts can be added so", name,
                       x->name);
    }
    return PWY_OK;
}

pwy_status pw_model_read_file(pwy_context *ctx, const char *path, pwy_model **out)
{
    struct pw_chain *c;
    pwy_model *m;
    PW_TRY(pw_chain_open(path, &c));
    if (c->ignored != NULL)
        pw_log(ctx, PWY_LOG_WARNING, "%s: left out: it belongs to another %s", c->ignored, path);
    pwy_status status = check_pieces(c->all, path);
    if (status == PWY_OK) status = model_from(ctx, &(struct origin){c->all, path, false, c}, &m);
    if (status != PWY_OK) {
        pw_chain_free(c);
        return status;
    }
    m->files = c;
    m->close_files = pw_chain_free;
    *out = m;
    return PWY_OK;
}

pwy_status pw_model_read_memory(pwy_context *ctx, char *data, size_t len, pwy_model **out)
{
    pwy_model *m;
    pwy_status status = from_bytes(ctx, data, len, "model in memory", false, &m);
    if (status != PWY_OK) {
        free(data);
        return status;
    }
    m->memory = data;
    *out = m;
    return PWY_OK;
}

pwy_status pw_model_copy(const pwy_model *m, pwy_model **out)
{
    struct pw_buf buf = {0};
    pwy_status status = pw_model_write_memory(m, &buf);
    if (status == PWY_OK) status = from_bytes(m->ctx, buf.data, buf.len, "model", true, out);
    pw_buf_free(&buf);
    return status;
}
