/* The convolution block: patches times kernel, some images at a time, then norm, ReLU and pooling. */
#include "nn/conv.h"

enum { CHUNK_NUMBERS = 1 << 20 };       /* of patches that stand in memory at a time */

static struct pw_conv_shape shape_of(const struct pw_conv_block *b, int n, int h, int w)
{
    return (struct pw_conv_shape){ n, h, w, b->c_in, b->c_out };
}

static int chunk_images(const struct pw_conv_shape *s)
{
    size_t images = CHUNK_NUMBERS / (pw_conv_patch_size(s) + 1);
    images = images < 1 ? 1 : images;
    return images < (size_t)s->n ? (int)images : s->n;
}

static struct pw_span chunk_at(const struct pw_conv_shape *s, int first)
{
    int size = chunk_images(s);
    return (struct pw_span){ first, first + size < s->n ? first + size : s->n };
}

/* What backward reads. Without it, only the kernel and one chunk of the map. */
static pwy_status make_room(struct pw_exec *x, const struct pw_conv_shape *s, bool all, struct pw_conv_keep *keep)
{
    size_t images = all ? s->n : chunk_images(s);
    PW_NEED(keep->map = pw_arena_take(x->arena, images * pw_conv_map_size(s) + 1, sizeof(real)));
    if (!all)
        return PWY_OK;
    PW_NEED(keep->stat = pw_arena_take(x->arena, images * 2 * pw_conv_groups(s) + 1, sizeof(real)));
    PW_NEED(keep->pick = pw_arena_take(x->arena, images * pw_conv_out_size(s) + 1, 1));
    return PWY_OK;
}

static pwy_status run_chunks(struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                             const real *in, real *out, const struct pw_conv_keep *keep)
{
    real *patches = pw_arena_take(x->arena, chunk_images(s) * pw_conv_patch_size(s) + 1, sizeof *patches);
    PW_NEED(patches);
    for (int first = 0; first < s->n; first = chunk_at(s, first).end) {
        struct pw_span images = chunk_at(s, first);
        real *map = keep->map + (keep->stat != NULL ? first * pw_conv_map_size(s) : 0);
        pw_conv_patches(x, s, images, in, patches);
        int rows = (images.end - first) * s->h * s->w;
        PW_TRY(pw_linear(x, rows, 9 * s->c_in, s->c_out, patches, keep->kernel, map, false));
        pw_conv_norm(x, b, s, images, map, out, keep->stat, keep->pick);
    }
    return PWY_OK;
}

pwy_status pw_conv_block(struct pw_exec *x, const struct pw_conv_block *b, int n, int h, int w, const real *in,
                         real *out, struct pw_conv_keep **keep)
{
    struct pw_conv_shape s = shape_of(b, n, h, w);
    size_t start = pw_arena_mark(x->arena);
    struct pw_conv_keep *k = pw_arena_zero(x->arena, 1, sizeof *k);
    PW_NEED(k);
    PW_TRY(pw_conv_kernel(x, b, k));
    PW_TRY(make_room(x, &s, keep != NULL, k));
    size_t mark = pw_arena_mark(x->arena);
    PW_TRY(run_chunks(x, b, &s, in, out, k));
    pw_arena_release(x->arena, keep == NULL ? start : mark);
    if (keep != NULL)
        *keep = k;
    return PWY_OK;
}

/* --- backward --- */

struct back {
    const struct pw_conv_block *b;
    struct pw_conv_shape s;
    const struct pw_conv_keep *keep;
    const real *in, *dout;
    real *din;
    bool kernel_trains;
    real *patches, *dpatches, *dmap;    /* of one chunk */
    real *dkernel;                      /* (9 c_in, c_out) */
    real *part;                         /* (n, 2, c_out) of the norm's gain and bias */
};

static pwy_status make_back_room(struct pw_exec *x, struct back *j)
{
    const struct pw_conv_shape *s = &j->s;
    size_t images = chunk_images(s), patches = images * pw_conv_patch_size(s) + 1;
    PW_NEED(j->dkernel = pw_arena_zero(x->arena, (size_t)9 * s->c_in * s->c_out, sizeof(real)));
    PW_NEED(j->part = pw_arena_take(x->arena, (size_t)s->n * 2 * s->c_out + 1, sizeof(real)));
    PW_NEED(j->dmap = pw_arena_take(x->arena, images * pw_conv_map_size(s) + 1, sizeof(real)));
    if (j->kernel_trains)
        PW_NEED(j->patches = pw_arena_take(x->arena, patches, sizeof(real)));
    if (j->din != NULL)
        PW_NEED(j->dpatches = pw_arena_take(x->arena, patches, sizeof(real)));
    return PWY_OK;
}

/* The gradients of kernel and patches, side by side. */
static pwy_status products_back(struct pw_exec *x, const struct back *j, int rows)
{
    int k = 9 * j->s.c_in, n = j->s.c_out, count = 0;
    struct pw_product list[2];
    if (j->kernel_trains)
        list[count++] = (struct pw_product){ .ta = true, .m = k, .n = n, .k = rows, .a = j->patches, .lda = k,
                                             .b = j->dmap, .ldb = n, .beta = 1, .c = j->dkernel, .ldc = n };
    if (j->din != NULL)
        list[count++] = (struct pw_product){ .tb = true, .m = rows, .n = k, .k = n, .a = j->dmap, .lda = n,
                                             .b = j->keep->kernel, .ldb = n, .c = j->dpatches, .ldc = k };
    return pw_products(x, list, count);
}

static pwy_status chunk_back(struct pw_exec *x, const struct back *j, struct pw_span images)
{
    pw_conv_norm_back(x, j->b, &j->s, images, j->keep, j->dout, j->dmap, j->part);
    if (j->kernel_trains)
        pw_conv_patches(x, &j->s, images, j->in, j->patches);
    PW_TRY(products_back(x, j, (images.end - images.first) * j->s.h * j->s.w));
    if (j->din != NULL)
        pw_conv_patches_back(x, &j->s, images, j->dpatches, j->din);
    return PWY_OK;
}

static void norm_gradients(const struct pw_exec *x, const struct back *j)
{
    int c = j->s.c_out;
    for (int i = 0; i < j->s.n; i++) {
        if (pw_trains(j->b->gn_gain))
            x->kern->add(c, j->part + (size_t)i * 2 * c, j->b->gn_gain->g);
        if (pw_trains(j->b->gn_bias))
            x->kern->add(c, j->part + (size_t)i * 2 * c + c, j->b->gn_bias->g);
    }
}

pwy_status pw_conv_block_back(struct pw_exec *x, const struct pw_conv_block *b, int n, int h, int w, const real *in,
                              const struct pw_conv_keep *keep, const real *dout, real *din)
{
    size_t mark = pw_arena_mark(x->arena);
    struct back j = { .b = b, .s = shape_of(b, n, h, w), .keep = keep, .in = in, .dout = dout, .din = din,
                      .kernel_trains = pw_trains(b->w) || pw_trains(b->gain) };
    PW_TRY(make_back_room(x, &j));
    for (int first = 0; first < n; first = chunk_at(&j.s, first).end)
        PW_TRY(chunk_back(x, &j, chunk_at(&j.s, first)));
    norm_gradients(x, &j);
    if (j.kernel_trains)
        PW_TRY(pw_conv_kernel_back(x, b, keep, j.dkernel));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}
