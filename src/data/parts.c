/* {PART: FILE, ..., target: FILE}: row i is item i of every file. */
#include "data/read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct parts {
    struct pw_feed *feed;                   /* [n] one a part */
    char **name; enum pw_value_type *type; int n;
    struct pw_feed target; bool has_target;
    enum pw_answer answer;
};

static pwy_status read_target(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct parts *p = s->state;
    struct pw_feed *place = p->has_target ? &p->target : &p->feed[0];
    PW_TRY(pw_example_place(ex, place->path, i + 1));
    return p->has_target ? p->target.ops->answer(&p->target, i, ex, p->answer) : PWY_OK;
}

static pwy_status read_parts(pwy_source *s, int64_t i, pwy_example *ex)
{
    struct parts *p = s->state;
    PW_TRY(read_target(s, i, ex));
    for (int k = 0; k < p->n; k++)
        PW_TRY(p->feed[k].ops->read(&p->feed[k], i, ex, p->name[k], p->type[k]));
    return PWY_OK;
}

static void feed_end(struct pw_feed *f)
{
    if (f->ops)
        f->ops->close(f);
    free(f->path);
}

static void parts_free(struct parts *p)
{
    for (int k = 0; k < p->n; k++) {
        feed_end(&p->feed[k]);
        free(p->name[k]);
    }
    feed_end(&p->target);
    free(p->feed);
    free(p->name);
    free(p->type);
    free(p);
}

static void free_parts(pwy_source *s)
{
    parts_free(s->state);
}

static pwy_status feed_path(struct pw_feed *f, const struct pw_open *o, const char *key)
{
    const struct pw_node *file = pw_node_get(o->where, key);
    if (file == NULL)
        return pw_node_fail(o->where, PWY_E_ARGUMENT,
                            "there is no file for '%s' here: {PART: FILE, ..., target: FILE}", key);
    if (file->kind != PW_SCALAR)
        return pw_node_fail(file, PWY_E_ARGUMENT, "'%s:' is the name of a file", key);
    f->path = o->want->folder ? pw_path_join(o->want->folder, file->text) : pw_strdup(file->text);
    PW_NEED(f->path);
    struct stat st;
    if (stat(f->path, &st) == 0 && S_ISREG(st.st_mode))
        return PWY_OK;
    return pw_node_fail(file, PWY_E_NOT_FOUND, "'%s' for '%s': there is no such file", f->path, key);
}

/* IDX by its first bytes, records by `record:`, else lines. */
static pwy_status open_feed(struct pw_feed *f, const struct pw_open *o, const struct pw_want_part *part)
{
    PW_TRY(feed_path(f, o, part ? part->name : "target"));
    if (part && part->type == PW_VALUE_BYTES && pw_node_get(part->options, "record"))
        return pw_feed_records(f, part);
    if (pw_idx_is(f->path))
        return pw_feed_idx(f, part);
    if (part && part->type == PW_VALUE_BYTES)
        return pw_fail(PWY_E_ARGUMENT, "'%s' is not IDX; part '%s' of bytes then needs `record:`, the bytes a record",
                       f->path, part->name);
    return pw_feed_lines(f, part);
}

static pwy_status check_keys(const struct pw_open *o)
{
    const char **words = pw_calloc((size_t)o->want->n_parts + 2, sizeof *words);
    PW_NEED(words);
    for (int p = 0; p < o->want->n_parts; p++)
        words[p] = o->want->parts[p].name;
    words[o->want->n_parts] = "target";
    pwy_status status = PWY_OK;
    for (int k = 0; k < o->where->n && status == PWY_OK; k++) {
        bool known = false;
        for (int w = 0; words[w]; w++)
            known |= strcmp(words[w], o->where->key[k]) == 0;
        const char *near = known ? NULL : pw_nearest(o->where->key[k], words);
        if (!known)
            status = pw_node_fail(o->where->item[k], PWY_E_ARGUMENT, "'%s' is no part of this task%s%s%s",
                                  o->where->key[k],
                                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    free(words);
    return status;
}

static pwy_status check_counts(const struct parts *p)
{
    for (int k = 1; k < p->n; k++)
        if (p->feed[k].n != p->feed[0].n)
            return pw_fail(PWY_E_FORMAT, "'%s' has %lld items, '%s' has %lld; they should agree", p->feed[0].path,
                           (long long)p->feed[0].n,
                           p->feed[k].path, (long long)p->feed[k].n);
    if (p->has_target && p->target.n != p->feed[0].n)
        return pw_fail(PWY_E_FORMAT, "'%s' has %lld items, '%s' has %lld targets; they should agree", p->feed[0].path,
                       (long long)p->feed[0].n,
                       p->target.path, (long long)p->target.n);
    return PWY_OK;
}

static pwy_status parts_load(struct parts *p, const struct pw_open *o)
{
    PW_TRY(check_keys(o));
    PW_TRY(pw_answer_kind(o->want->kind, &p->answer));
    PW_NEED(p->feed = pw_calloc((size_t)o->want->n_parts, sizeof *p->feed));
    PW_NEED(p->name = pw_calloc((size_t)o->want->n_parts, sizeof *p->name));
    PW_NEED(p->type = pw_calloc((size_t)o->want->n_parts, sizeof *p->type));
    for (; p->n < o->want->n_parts; p->n++)
        p->type[p->n] = o->want->parts[p->n].type;
    for (int k = 0; k < p->n; k++) {
        PW_NEED(p->name[k] = pw_strdup(o->want->parts[k].name));
        PW_TRY(open_feed(&p->feed[k], o, &o->want->parts[k]));
    }
    p->has_target = p->answer != PW_ANSWER_TEXT || pw_node_get(o->where, "target") != NULL;
    if (p->has_target)
        PW_TRY(open_feed(&p->target, o, NULL));
    return check_counts(p);
}

static pwy_status open_parts(const struct pw_open *o, pwy_source **out)
{
    static const struct pw_source_ops ops = {"parts", read_parts, read_target, free_parts};
    if (o->want->n_parts == 0)
        return pw_fail(PWY_E_ARGUMENT, "a task needs a part to read");
    struct parts *p = pw_calloc(1, sizeof *p);
    PW_NEED(p);
    pwy_status status = parts_load(p, o);
    if (status == PWY_OK)
        status = pw_source_make(o->ctx, &ops, p->feed[0].n, p, out);
    if (status != PWY_OK)
        parts_free(p);
    return status;
}

const struct pw_reader pw_reader_parts = {"parts", open_parts};
