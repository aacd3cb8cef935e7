/* The registry's tensors. */
#include "file/registry_file.h"
#include <stdlib.h>
#include <string.h>
#include "file/chain.h"

/* width: numbers in a row; 1: a plain list of bytes. */
static const struct layout { const char *name; enum pw_dtype dtype; int64_t width; } layouts[PW_REGISTRY_TENSORS] = {
    {"pathways.registry.records", PW_U8, sizeof(struct pw_record)}, {"pathways.registry.index", PW_U32, 2},
    {"pathways.registry.names", PW_U8, 1}, {"pathways.registry.tasks", PW_U8, 1},
    {"pathways.registry.labels", PW_U32, 2}};

static void list_bytes(struct pw_task_segment_bytes *b, struct pw_bytes *part[PW_REGISTRY_TENSORS])
{
    part[0] = &b->records;
    part[1] = &b->index;
    part[2] = &b->names;
    part[3] = &b->texts;
    part[4] = &b->labels;
}

static struct pw_tensor tensor_of(const struct layout *l, struct pw_bytes b)
{
    int64_t row = (int64_t)pw_dtype_size(l->dtype) * l->width;
    return (struct pw_tensor){.name = (char *)(uintptr_t)l->name, .dtype = l->dtype, .rank = l->width > 1 ? 2 : 1,
                              .shape = {(int64_t)b.len / row, l->width > 1 ? l->width : 0}, .data = b.data,
                              .bytes = b.len};
}

int64_t pw_registry_tensors(const struct pw_image *im, struct pw_tensor *list)
{
    struct pw_task_segment_bytes b = pw_image_bytes(im);
    struct pw_bytes *part[PW_REGISTRY_TENSORS];
    int64_t n = 0;
    list_bytes(&b, part);
    for (int i = 0; i < PW_REGISTRY_TENSORS; i++)
        if (part[i]->len > 0) list[n++] = tensor_of(&layouts[i], *part[i]);
    return n;
}

static pwy_status take(const struct pw_tensors *tensors, const struct layout *l, const char *name, struct pw_bytes *out)
{
    const struct pw_tensor *t = pw_tensors_find(tensors, l->name);
    if (t == NULL) return PWY_OK;
    if (t->dtype != l->dtype || t->rank != (l->width > 1 ? 2 : 1) || (t->rank == 2 && t->shape[1] != l->width))
        return pw_fail(PWY_E_FORMAT, "%s: tensor '%s' has not the type and shape of format version 2", name, l->name);
    *out = (struct pw_bytes){t->data, t->bytes};
    return PWY_OK;
}

pwy_status pw_registry_segment(const struct pw_tensors *tensors, const char *name, struct pw_task_segment_bytes *out)
{
    struct pw_bytes *part[PW_REGISTRY_TENSORS];
    *out = (struct pw_task_segment_bytes){.name = name};
    list_bytes(out, part);
    for (int i = 0; i < PW_REGISTRY_TENSORS; i++) PW_TRY(take(tensors, &layouts[i], name, part[i]));
    if (out->index.len > 0) return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "%s: it has no tensor '%s'", name, layouts[1].name);
}

pwy_status pw_registry_from_tensors(pwy_context *ctx, const struct pw_tensors *tensors, const char *name, bool own,
                                    pwy_registry **out)
{
    struct pw_task_segment_bytes b;
    PW_TRY(pw_registry_segment(tensors, name, &b));
    return pw_registry_open(ctx, &b, 1, own, out);
}

pwy_status pw_registry_from_chain(pwy_context *ctx, const struct pw_chain *c, pwy_registry **out)
{
    struct pw_task_segment_bytes *b = pw_calloc((size_t)c->n, sizeof *b);
    pwy_status status = PWY_OK;
    int n = 0;
    PW_NEED(b);
    for (int i = 0; i < c->n && status == PWY_OK; i++) {
        const struct pw_link *l = &c->link[i];
        if (i > 0 && pw_tensors_find(l->tensors, layouts[1].name) == NULL) continue;
        status = pw_registry_segment(l->tensors, l->path, &b[n++]);
    }
    if (status == PWY_OK) status = pw_registry_open(ctx, b, n, false, out);
    free(b);
    return status;
}

/* --- a file of its own --- */

static pwy_status write_tasks(const pwy_registry *r, const struct pw_node *metadata, int fd)
{
    struct pw_tensor list[PW_REGISTRY_TENSORS];
    struct pw_image im;
    PW_TRY(pw_registry_image(r, 0, NULL, NULL, &im));
    int64_t n = pw_registry_tensors(&im, list);
    pwy_status status = pw_digested_write(list, n, metadata, pw_write_to_fd, &fd);
    pw_image_free(&im);
    return status;
}

pwy_status pw_registry_write_file(const pwy_registry *r, const char *path)
{
    struct pw_replace *file;
    struct pw_node *metadata;
    PW_NEED(metadata = pw_node_new(PW_MAP));
    pwy_status status = pw_node_put_text(metadata, "format", "pathways registry 2");
    if (status == PWY_OK) status = pw_replace_begin(path, &file);
    if (status == PWY_OK) {
        status = write_tasks(r, metadata, pw_replace_fd(file));
        if (status == PWY_OK) status = pw_replace_commit(file);
        else pw_replace_abort(file);
    }
    pw_node_free(metadata);
    return status;
}

static void let_go(void *chain)
{
    pw_chain_free(chain);
}

pwy_status pw_registry_read_file(pwy_context *ctx, const char *path, pwy_registry **out)
{
    struct pw_chain *chain;
    PW_TRY(pw_chain_open(path, &chain));
    pwy_status status = pw_registry_from_chain(ctx, chain, out);
    if (status == PWY_OK) pw_registry_keep(*out, chain, let_go);
    else pw_chain_free(chain);
    return status;
}
