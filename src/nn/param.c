/* The set of parameters: declared by the layers, brought by a file, found by name. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "nn/param.h"

enum { MOST_RANK = 4, SHAPE_TEXT = 96 };

struct pw_params *pw_params_new(uint64_t seed)
{
    struct pw_params *set = pw_calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->seed = seed;
    set->names = pw_map_new();
    if (set->names == NULL) {
        free(set);
        return NULL;
    }
    return set;
}

static void free_slices(struct pw_param *p)
{
    for (int64_t e = 0; p->slice != NULL && e < p->groups; e++) {
        if (p->slice[e].own)
            free(p->slice[e].w);
        free(p->slice[e].g);
    }
    free(p->slice);
}

void pw_param_drop(struct pw_param *p)
{
    if (!p->mapped) {
        free(p->w);
        free(p->brought);
    }
    free_slices(p);
    p->w = p->brought = NULL;
    p->slice = NULL;
}

static void free_param(struct pw_param *p)
{
    pw_param_drop(p);
    pw_packed_free(&p->packed);
    free(p->g);
    free(p->touched);
    free(p->name);
    free(p);
}

void pw_params_free(struct pw_params *set)
{
    if (set == NULL)
        return;
    for (int i = 0; i < set->n; i++)
        free_param(set->list[i]);
    pw_map_free(set->names);
    free(set->list);
    free(set);
}

struct pw_param *pw_params_find(const struct pw_params *set, const char *name)
{
    int64_t index = pw_map_find(set->names, name, strlen(name));
    return index < 0 ? NULL : set->list[index];
}

/* "(3, 3, 16, 32)" */
static const char *shape_text(int rank, const int64_t *shape, char *out)
{
    int len = snprintf(out, SHAPE_TEXT, "(");
    for (int i = 0; i < rank; i++)
        len += snprintf(out + len, SHAPE_TEXT - len, "%s%lld", i > 0 ? ", " : "", (long long)shape[i]);
    snprintf(out + len, SHAPE_TEXT - len, ")");
    return out;
}

static pwy_status check_shape(const char *name, int rank, const int64_t *shape, int64_t *n)
{
    char text[SHAPE_TEXT];
    if (rank < 1 || rank > MOST_RANK)
        return pw_fail(PWY_E_FORMAT, "tensor '%s': rank %d; 1 to %d would be right", name, rank, MOST_RANK);
    *n = 1;
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(*n, shape[i], n) || *n > INT64_MAX / (int64_t)sizeof(real))
            return pw_fail(PWY_E_FORMAT, "tensor '%s': shape %s is no shape of a tensor in memory", name,
                           shape_text(rank, shape, text));
    return PWY_OK;
}

static struct pw_param *make_param(const char *name, int rank, const int64_t *shape, int64_t n)
{
    struct pw_param *p = pw_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->name = pw_strdup(name);
    if (p->name == NULL) {
        free(p);
        return NULL;
    }
    p->kind = PW_CONST;
    p->rank = rank;
    memcpy(p->shape, shape, rank * sizeof *shape);
    p->n = n;
    p->groups = 1;
    p->lr_scale = 1;
    return p;
}

static pwy_status make_room(struct pw_params *set)
{
    if (set->n < set->cap)
        return PWY_OK;
    int cap = set->cap > 0 ? 2 * set->cap : 64;
    struct pw_param **list = pw_realloc(set->list, cap, sizeof *list);
    PW_NEED(list);
    set->list = list;
    set->cap = cap;
    return PWY_OK;
}

/* Takes p, also on failure. */
static pwy_status append(struct pw_params *set, struct pw_param *p)
{
    pwy_status status = make_room(set);
    int64_t at = status == PWY_OK ? pw_map_add(set->names, p->name, strlen(p->name)) : -1;
    if (status == PWY_OK && at < 0)
        status = PWY_E_NOMEM;
    if (status == PWY_OK && at < set->n)
        status = pw_fail(PWY_E_FORMAT, "tensor '%s' is there twice", p->name);
    if (status == PWY_OK)
        set->list[set->n++] = p;
    else
        free_param(p);
    return status;
}

static pwy_status bring(struct pw_params *set, const char *name, int rank, const int64_t *shape, real *w, bool mapped)
{
    int64_t n = 0;
    PW_TRY(check_shape(name, rank, shape, &n));
    struct pw_param *p = make_param(name, rank, shape, n);
    PW_NEED(p);
    p->w = w;
    p->mapped = true;
    PW_TRY(append(set, p));
    p->mapped = mapped;
    return PWY_OK;
}

pwy_status pw_params_bring(struct pw_params *set, const char *name, int rank, const int64_t *shape, real *w,
                            bool mapped)
{
    pwy_status status = bring(set, name, rank, shape, w, mapped);
    if (status != PWY_OK && !mapped)
        free(w);
    return status;
}

pwy_status pw_params_bring_packed(struct pw_params *set, const char *name, int rank, const int64_t *shape,
                                  struct pw_packed packed)
{
    pwy_status status = bring(set, name, rank, shape, NULL, true);
    if (status == PWY_OK)
        set->list[set->n - 1]->packed = packed;
    else
        pw_packed_free(&packed);
    return status;
}

pwy_status pw_params_bring_slices(struct pw_params *set, const char *name, int rank, const int64_t *shape,
                                  real *const *slice)
{
    PW_TRY(bring(set, name, rank, shape, NULL, true));
    struct pw_param *p = set->list[set->n - 1];
    p->groups = shape[0];
    PW_NEED(p->slice = pw_calloc((size_t)p->groups + 1, sizeof *p->slice));
    for (int64_t e = 0; e < p->groups; e++)
        p->slice[e].w = slice[e];
    return PWY_OK;
}

/* --- slices --- */

/* Rows of a table, and the experts of a tensor (expert, in, out). */
static int64_t count_groups(enum pw_param_kind kind, int rank, const int64_t *shape)
{
    return kind == PW_TABLE || (kind == PW_MATRIX && rank == 3) ? shape[0] : 1;
}

static bool is_sliced(const struct pw_param *p)
{
    return p->kind == PW_MATRIX && p->rank == 3;
}

/* What a file brought as one tensor becomes slices that lie in it. */
static pwy_status cut(struct pw_param *p)
{
    int64_t size = pw_param_group_size(p);
    PW_NEED(p->slice = pw_calloc((size_t)p->groups + 1, sizeof *p->slice));
    for (int64_t e = 0; e < p->groups; e++)
        p->slice[e].w = p->w + e * size;
    p->brought = p->w;
    p->w = NULL;
    return PWY_OK;
}

static pwy_status new_slices(struct pw_param *p)
{
    int64_t size = pw_param_group_size(p);
    PW_NEED(p->slice = pw_calloc((size_t)p->groups + 1, sizeof *p->slice));
    for (int64_t e = 0; e < p->groups; e++) {
        PW_NEED(p->slice[e].w = pw_calloc((size_t)size + 1, sizeof(real)));
        p->slice[e].own = true;
    }
    return PWY_OK;
}

/* --- declaring --- */

/* One stream for the whole tensor, however it lies in memory. */
static void start(const struct pw_params *set, struct pw_param *p, enum pw_init init, double spread)
{
    struct pw_rng rng = pw_rng_at(set->seed, pw_hash(p->name, strlen(p->name)), 0);
    int64_t groups = p->slice != NULL ? p->groups : 1, size = p->slice != NULL ? pw_param_group_size(p) : p->n;
    for (int64_t e = 0; e < groups && init != PW_ZEROS; e++) {
        real *w = p->slice != NULL ? p->slice[e].w : p->w;
        for (int64_t i = 0; i < size; i++)
            w[i] = (real)(init == PW_ONES ? 1 : init == PW_NORMAL ? spread * pw_rng_normal(&rng)
                                                                  : spread * (2 * pw_rng_uniform(&rng) - 1));
    }
}

static pwy_status make_weights(struct pw_param *p)
{
    if (is_sliced(p))
        return new_slices(p);
    PW_NEED(p->w = pw_calloc((size_t)p->n + 1, sizeof *p->w));
    return PWY_OK;
}

static pwy_status add_new(struct pw_params *set, enum pw_param_kind kind, enum pw_init init, double spread, int rank,
                          const int64_t *shape, const char *name, struct pw_param **out)
{
    int64_t n = 0;
    PW_TRY(check_shape(name, rank, shape, &n));
    if (set->closed)
        return pw_fail(PWY_E_FORMAT, "tensor '%s' is missing from the model", name);
    struct pw_param *p = make_param(name, rank, shape, n);
    PW_NEED(p);
    p->kind = kind;
    p->groups = count_groups(kind, rank, shape);
    if (make_weights(p) != PWY_OK) {
        free_param(p);
        return PWY_E_NOMEM;
    }
    start(set, p, init, spread);
    PW_TRY(append(set, p));
    *out = p;
    return PWY_OK;
}

/* What is packed was filled up to whole panels: it takes the declared width where that fits. */
static void trim(struct pw_param *p, int rank, const int64_t *shape)
{
    int last = rank - 1;
    if (p->packed.at == NULL || p->rank != rank || p->shape[last] != pw_packed_width(shape[last]))
        return;
    p->n = p->shape[last] > 0 ? p->n / p->shape[last] * shape[last] : 0;
    p->shape[last] = shape[last];
}

static pwy_status compare(const struct pw_param *p, int rank, const int64_t *shape)
{
    char have[SHAPE_TEXT], need[SHAPE_TEXT];
    if (p->rank == rank && memcmp(p->shape, shape, rank * sizeof *shape) == 0)
        return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "tensor '%s' has the shape %s; %s would be right", p->name,
                   shape_text(p->rank, p->shape, have), shape_text(rank, shape, need));
}

static pwy_status declare(struct pw_params *set, enum pw_param_kind kind, enum pw_init init, double spread, int rank,
                          const int64_t *shape, const char *name, struct pw_param **out)
{
    struct pw_param *p = pw_params_find(set, name);
    if (p == NULL)
        PW_TRY(add_new(set, kind, init, spread, rank, shape, name, &p));
    else {
        trim(p, rank, shape);
        PW_TRY(compare(p, rank, shape));
    }
    p->kind = kind;
    p->groups = count_groups(kind, rank, shape);
    if (is_sliced(p) && p->slice == NULL && p->packed.at == NULL)
        PW_TRY(cut(p));
    *out = p;
    return PWY_OK;
}

pwy_status pw_param_declare(struct pw_params *set, enum pw_param_kind kind, enum pw_init init, double spread, int rank,
                            const int64_t *shape, struct pw_param **out, const char *name, ...)
{
    va_list args, again;
    va_start(args, name);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, name, args);
    va_end(args);
    char *text = pw_calloc((size_t)len + 1, 1);
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, name, again);
    va_end(again);
    PW_NEED(text);
    pwy_status status = declare(set, kind, init, spread, rank, shape, text, out);
    free(text);
    return status;
}

/* --- borrowing --- */

/* Borrowed weights are read-only: what trains gets a copy. */
static pwy_status copy_weights(real **w, int64_t n)
{
    real *own = pw_calloc((size_t)n + 1, sizeof *own);
    PW_NEED(own);
    memcpy(own, *w, (size_t)n * sizeof *own);
    *w = own;
    return PWY_OK;
}

static pwy_status borrow_slices(struct pw_param *p, const struct pw_param *from)
{
    if (from->slice == NULL)
        return PWY_OK;
    p->groups = from->groups;
    PW_NEED(p->slice = pw_calloc((size_t)p->groups + 1, sizeof *p->slice));
    for (int64_t e = 0; e < p->groups; e++)
        p->slice[e].w = from->slice[e].w;
    return PWY_OK;
}

pwy_status pw_params_borrow(struct pw_params *set, const struct pw_param *from)
{
    return pw_params_borrow_as(set, from, from->name);
}

pwy_status pw_params_borrow_some(struct pw_params *set, const struct pw_param *from, const bool *keep)
{
    int64_t size = pw_param_group_size(from), n = 0;
    PW_TRY(pw_params_borrow(set, from));
    struct pw_param *p = set->list[set->n - 1];
    for (int64_t e = 0; e < from->groups; e++)
        if (keep[e]) p->slice[n++].w = from->slice[e].w;
    p->groups = p->shape[0] = n;
    p->n = n * size;
    return PWY_OK;
}

pwy_status pw_params_borrow_as(struct pw_params *set, const struct pw_param *from, const char *name)
{
    struct pw_param *p = make_param(name, from->rank, from->shape, from->n);
    PW_NEED(p);
    p->w = from->w;
    p->mapped = true;
    p->packed = from->packed;
    p->packed.own = p->packed.own_scale = NULL;
    if (borrow_slices(p, from) != PWY_OK) {
        free_param(p);
        return PWY_E_NOMEM;
    }
    return append(set, p);
}

static bool borrows(const struct pw_param *p)
{
    return p->mapped && p->brought == NULL && p->slice == NULL;
}

static pwy_status copy_owned(struct pw_param *p, const struct pw_param *from)
{
    int64_t size = pw_param_group_size(from);
    for (int64_t e = 0; from->slice != NULL && e < from->groups; e++) {
        if (!from->slice[e].own && from->mapped) continue;
        PW_TRY(copy_weights(&p->slice[e].w, size));
        p->slice[e].own = true;
    }
    if (from->slice != NULL || borrows(from)) return PWY_OK;
    PW_TRY(copy_weights(&p->w, p->n));
    p->mapped = false;
    return PWY_OK;
}

pwy_status pw_params_copy(struct pw_params *set, const struct pw_param *from)
{
    PW_TRY(pw_params_borrow(set, from));
    struct pw_param *p = set->list[set->n - 1];
    p->kind = from->kind;
    return copy_owned(p, from);
}

/* What is locked takes part in the way back too. */
static pwy_status refuse_packed(const struct pw_param *p)
{
    return p->packed.at == NULL ? PWY_OK
        : pw_fail(PWY_E_UNSUPPORTED, "tensor '%s' is packed for inference; train the model that it was made from",
                  p->name);
}

/* --- growing --- */

pwy_status pw_param_grow(struct pw_param *p, int n)
{
    int64_t size = pw_param_group_size(p), groups = p->groups + n;
    PW_TRY(refuse_packed(p));
    struct pw_slice *slice = pw_realloc(p->slice, (size_t)groups + 1, sizeof *slice);
    PW_NEED(slice);
    p->slice = slice;
    for (; p->groups < groups; p->groups++) {
        struct pw_slice *s = &slice[p->groups];
        *s = (struct pw_slice){.own = true};
        PW_NEED(s->w = pw_calloc((size_t)size + 1, sizeof(real)));
        p->shape[0]++;
        p->n += size;
    }
    return PWY_OK;
}

/* --- shrinking --- */

void pw_copy_columns(int64_t rows, int64_t width, const real *from, const int32_t *keep, int n, real *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int e = 0; e < n; e++)
            to[i * n + e] = from[i * width + keep[e]];
}

pwy_status pw_param_keep_columns(struct pw_param *p, const int32_t *keep, int n)
{
    int64_t width = p->shape[p->rank - 1], rows = width > 0 ? p->n / width : 0;
    real *w, *g = NULL;
    PW_TRY(refuse_packed(p));
    PW_NEED(w = pw_calloc((size_t)(rows * n) + 1, sizeof *w));
    if (p->g != NULL)
        g = pw_calloc((size_t)(rows * n) + 1, sizeof *g);
    if (p->g != NULL && g == NULL) {
        free(w);
        return PWY_E_NOMEM;
    }
    pw_copy_columns(rows, width, p->w, keep, n, w);
    if (!p->mapped)
        free(p->w);
    free(p->g);
    p->w = w;
    p->g = g;
    p->mapped = false;
    p->shape[p->rank - 1] = n;
    p->n = rows * n;
    return PWY_OK;
}

void pw_param_keep_groups(struct pw_param *p, const int32_t *id)
{
    int64_t size = pw_param_group_size(p), n = 0;
    for (int64_t e = 0; e < p->groups; e++) {
        struct pw_slice *s = &p->slice[e];
        if (id[e] >= 0) {
            p->slice[n++] = *s;
            continue;
        }
        if (s->own) free(s->w);
        free(s->g);
    }
    p->groups = p->shape[0] = n;
    p->n = n * size;
}

/* --- training --- */

void pw_param_touch(struct pw_param *p, int64_t row)
{
    if (p->groups <= 1 || p->touched[row])
        return;
    int64_t size = p->n / p->groups;
    memset(p->g + row * size, 0, size * sizeof *p->g);
    p->touched[row] = 1;
}

pwy_status pw_slice_own(const struct pw_param *p, int64_t e)
{
    struct pw_slice *s = &p->slice[e];
    if (s->own || !p->mapped)
        return PWY_OK;
    PW_TRY(copy_weights(&s->w, pw_param_group_size(p)));
    s->own = true;
    return PWY_OK;
}

pwy_status pw_slice_touch(struct pw_param *p, int64_t e, bool *first)
{
    struct pw_slice *s = &p->slice[e];
    *first = !s->touched;
    if (s->touched)
        return PWY_OK;
    PW_TRY(pw_slice_own(p, e));
    if (s->g == NULL)
        PW_NEED(s->g = pw_calloc((size_t)pw_param_group_size(p) + 1, sizeof *s->g));
    s->touched = true;
    return PWY_OK;
}

static pwy_status start_whole(struct pw_param *p)
{
    if (p->mapped)
        PW_TRY(copy_weights(&p->w, p->n));
    p->mapped = false;
    if (p->groups > 1 && p->touched == NULL)
        PW_NEED(p->touched = pw_calloc((size_t)p->groups, sizeof *p->touched));
    if (p->g == NULL)
        PW_NEED(p->g = pw_calloc((size_t)p->n + 1, sizeof *p->g));
    return PWY_OK;
}

static pwy_status start_param(struct pw_param *p)
{
    PW_TRY(refuse_packed(p));
    if (p->kind == PW_CONST || p->training || p->locked)
        return PWY_OK;
    if (p->slice == NULL)
        PW_TRY(start_whole(p));
    p->training = true;
    return PWY_OK;
}

pwy_status pw_params_start_training(struct pw_params *set)
{
    for (int i = 0; i < set->n; i++)
        PW_TRY(start_param(set->list[i]));
    return PWY_OK;
}

static void zero_grad(struct pw_param *p)
{
    for (int64_t e = 0; p->slice != NULL && e < p->groups; e++)
        p->slice[e].touched = false;
    if (p->touched != NULL)
        memset(p->touched, 0, (size_t)p->groups);
    else if (p->g != NULL)
        memset(p->g, 0, (size_t)p->n * sizeof *p->g);
}

void pw_params_zero_grad(struct pw_params *set)
{
    for (int i = 0; i < set->n; i++)
        zero_grad(set->list[i]);
}

static void count_bytes(const struct pw_param *p, struct pw_params_bytes *sum)
{
    int64_t size = pw_param_group_size(p) * (int64_t)sizeof(real), whole = p->n * (int64_t)sizeof(real);
    for (int64_t e = 0; p->slice != NULL && e < p->groups; e++) {
        sum->weights += p->slice[e].own ? size : 0;
        sum->gradients += p->slice[e].g != NULL ? size : 0;
    }
    sum->weights += !p->mapped && (p->w != NULL || p->brought != NULL) ? whole : 0;
    sum->gradients += p->g != NULL ? whole : 0;
}

struct pw_params_bytes pw_params_bytes(const struct pw_params *set)
{
    struct pw_params_bytes sum = { 0, 0 };
    for (int i = 0; i < set->n; i++)
        count_bytes(set->list[i], &sum);
    return sum;
}
