/* Writing beside a base, and folding back into it. */
#include "file/chain.h"

#include <stdlib.h>
#include <string.h>

pwy_status pw_write_to_fd(void *fd, const void *data, size_t len)
{
    return pw_write_all(*(const int *)fd, data, len, "the new file");
}

static pwy_status check_tip(const struct pw_chain *c, const char *tip)
{
    if (pw_chain_tip(c)[0] == 0)
        return pw_fail_at(PWY_E_UNSUPPORTED, c->path, 0, "cannot be added to: it was written without digests; save it "
                          "again first");
    if (tip != NULL && strcmp(tip, pw_chain_tip(c)) != 0)
        return pw_fail_at(PWY_E_STATE, c->path, 0, "has changed since it was opened; open it again, then add to it");
    return PWY_OK;
}

/* Whether a reader will be able to merge them. */
static pwy_status check_list(const struct pw_chain *c, const struct pw_tensor *list, int64_t n)
{
    struct pw_tensors *view;
    PW_TRY(pw_tensors_view(c->all, &view));
    pwy_status status = pw_tensors_merge(view, list, n, "the new delta");
    pw_tensors_free(view);
    return status;
}

static pwy_status delta_metadata(const struct pw_chain *c, struct pw_node **out)
{
    const char *format = pw_tensors_text(c->link[0].tensors, "format");
    struct pw_node *map = pw_node_new(PW_MAP);
    PW_NEED(map);
    pwy_status status = pw_node_put_text(map, "format", format);
    if (status == PWY_OK)
        status = pw_node_put_int(map, "delta", c->n);
    if (status == PWY_OK)
        status = pw_node_put_text(map, "base", pw_tensors_text(c->link[0].tensors, "digest"));
    if (status == PWY_OK)
        status = pw_node_put_text(map, "extends", pw_chain_tip(c));
    if (status == PWY_OK)
        *out = map;
    else
        pw_node_free(map);
    return status;
}

static pwy_status write_next(const struct pw_chain *c, const struct pw_tensor *list, int64_t n)
{
    struct pw_node *metadata;
    struct pw_replace *r;
    PW_TRY(delta_metadata(c, &metadata));
    char *path = pw_printf("%s.delta%d", c->path, c->n);
    pwy_status status = path == NULL ? PWY_E_NOMEM : pw_replace_begin_like(path, c->path, &r);
    if (status == PWY_OK) {
        int fd = pw_replace_fd(r);
        status = pw_digested_write(list, n, metadata, pw_write_to_fd, &fd);
        if (status == PWY_OK)
            status = pw_replace_commit(r);
        else
            pw_replace_abort(r);
    }
    free(path);
    pw_node_free(metadata);
    return status;
}

pwy_status pw_delta_write(const char *path, const char *tip, const struct pw_tensor *list, int64_t n, int *number)
{
    struct pw_replace *lock;
    struct pw_chain *c;
    PW_TRY(pw_replace_begin(path, &lock));
    pwy_status status = pw_chain_open(path, &c);
    if (status == PWY_OK) {
        status = check_tip(c, tip);
        if (status == PWY_OK)
            status = check_list(c, list, n);
        if (status == PWY_OK)
            status = write_next(c, list, n);
        if (status == PWY_OK && number != NULL)
            *number = c->n;
        pw_chain_free(c);
    }
    pw_replace_abort(lock);
    return status;
}

/* Another's name for what each file has of its own is left alone where nothing takes its place. */
static pwy_status list_whole(const struct pw_chain *c, pw_own_fn own, void *arg, struct pw_tensor *list, int64_t *n)
{
    *n = 0;
    if (own != NULL)
        PW_TRY(own(arg, c, list, n));
    for (int64_t i = 0; i < c->all->n; i++) {
        const char *name = c->all->list[i].name;
        if (strcmp(name, PW_DIGESTS) != 0 && (own == NULL || !pw_is_files_own(name)))
            list[(*n)++] = c->all->list[i];
    }
    return PWY_OK;
}

static pwy_status write_whole(const struct pw_chain *c, pw_own_fn own, void *arg, struct pw_replace *r)
{
    struct pw_node *metadata = pw_node_copy(c->link[0].tensors->metadata);
    struct pw_tensor *list = pw_calloc((size_t)c->all->n + PW_OWN_TENSORS, sizeof *list);
    int64_t n = 0;
    int fd = pw_replace_fd(r);
    pwy_status status = metadata == NULL || list == NULL ? PWY_E_NOMEM : PWY_OK;
    if (status == PWY_OK)
        status = list_whole(c, own, arg, list, &n);
    if (status == PWY_OK) {
        pw_node_remove(metadata, "digest");
        pw_node_remove(metadata, "digests");
        status = pw_digested_write(list, n, metadata, pw_write_to_fd, &fd);
    }
    free(list);
    pw_node_free(metadata);
    return status;
}

pwy_status pw_chain_pack(const char *path, pw_own_fn own, void *arg)
{
    struct pw_replace *r;
    struct pw_chain *c;
    PW_TRY(pw_replace_begin(path, &r));
    pwy_status status = pw_chain_open(path, &c);
    if (status == PWY_OK) {
        bool packed = c->n == 1 && pw_chain_tip(c)[0] != 0;
        if (!packed)
            status = write_whole(c, own, arg, r);
        if (status == PWY_OK && !packed)
            status = pw_replace_publish(r);
        if (status == PWY_OK && !packed)
            pw_deltas_remove(c->path, c->n - 1);
        pw_chain_free(c);
    }
    pw_replace_abort(r);
    return status;
}
