/* GroupNorm (Wu and He 2018), ReLU and 2x2 max-pool over a map in one pass, and its backward in two. An item of work is
   an image. The inner loops run over the channels of one group: a fixed number, which the compiler turns into vectors. */
#include "nn/conv.h"

#define EPS 1e-5
#define INLINE static inline __attribute__((always_inline))

struct job {
    const struct pw_exec *x;
    const struct pw_conv_block *b;
    const struct pw_conv_shape *s;
    struct pw_span images;
    const real *map;                    /* of these images alone in forward, of all in backward */
    real *out, *stat;
    uint8_t *pick;
    const real *dout;
    real *dmap, *part;
};

/* One group of one image: its channels c .. c + width - 1, and what the norm makes of them: z = scale v + shift. */
struct group { int c, width; real mean, rstd, scale[PW_CONV_GROUP], shift[PW_CONV_GROUP]; };

/* --- forward --- */

INLINE real fold(const real *lane, int width)
{
    real sum = 0;
    for (int i = 0; i < width; i++)
        sum += lane[i];
    return sum;
}

INLINE void find_stats(int width, int pixels, int stride, const real *map, real *mean, real *rstd)
{
    real sum[PW_CONV_GROUP] = { 0 }, square[PW_CONV_GROUP] = { 0 };
    real count = (real)pixels * width;
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < width; c++)
            sum[c] += map[(size_t)i * stride + c];
    real m = fold(sum, width) / count;
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < width; c++) {
            real off = map[(size_t)i * stride + c] - m;
            square[c] += off * off;
        }
    *mean = m;
    *rstd = 1 / pw_sqrt(fold(square, width) / count + (real)EPS);
}

static struct group group_at(const struct pw_conv_shape *s, int index)
{
    int c = index * PW_CONV_GROUP, width = s->c_out - c < PW_CONV_GROUP ? s->c_out - c : PW_CONV_GROUP;
    return (struct group){ .c = c, .width = width };
}

static void prepare(const struct pw_conv_block *b, struct group *g)
{
    for (int i = 0; i < g->width; i++) {
        g->scale[i] = g->rstd * b->gn_gain->w[g->c + i];
        g->shift[i] = b->gn_bias->w[g->c + i] - g->mean * g->scale[i];
    }
}

/* Where the four pixels of a window stand; at an odd edge the ones outside are those inside again. */
struct window { size_t at[4]; };

static struct window window_at(const struct pw_conv_shape *s, int row, int col)
{
    int down = 2 * row + 1 < s->h, right = 2 * col + 1 < s->w;
    size_t first = ((size_t)2 * row * s->w + 2 * col) * s->c_out, line = (size_t)s->w * s->c_out;
    return (struct window){ { first, first + right * s->c_out, first + down * line, first + down * line + right * s->c_out } };
}

/* The first of the largest wins; NaN, which is in a whole group or nowhere, stays. */
INLINE void pool(int width, const struct group *g, struct window win, const real *map, real *restrict out,
                 uint8_t *restrict pick)
{
    real best[PW_CONV_GROUP];
    int32_t from[PW_CONV_GROUP];
    for (int i = 0; i < width; i++) {
        best[i] = map[win.at[0] + i] * g->scale[i] + g->shift[i];
        from[i] = 0;
    }
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < width; i++) {
            real z = map[win.at[k] + i] * g->scale[i] + g->shift[i];
            from[i] = z > best[i] ? k : from[i];
            best[i] = z > best[i] ? z : best[i];
        }
    for (int i = 0; i < width; i++) {
        out[i] = best[i] < 0 ? 0 : best[i];
        pick[i] = (uint8_t)(best[i] > 0 ? from[i] : PW_CONV_OFF);
    }
}

/* A group's whole image. */
INLINE void pool_group(int width, const struct pw_conv_shape *s, const struct group *g, const real *map, real *out,
                       uint8_t *pick)
{
    uint8_t unused[PW_CONV_GROUP];
    size_t at = 0;
    for (int row = 0; row < (s->h + 1) / 2; row++)
        for (int col = 0; col < (s->w + 1) / 2; col++, at += s->c_out)
            pool(width, g, window_at(s, row, col), map, out + at, pick != NULL ? pick + at : unused);
}

static void group_forward(const struct job *j, struct group *g, const real *map, real *out, uint8_t *pick)
{
    const struct pw_conv_shape *s = j->s;
    bool whole = g->width == PW_CONV_GROUP;
    if (whole)
        find_stats(PW_CONV_GROUP, s->h * s->w, s->c_out, map, &g->mean, &g->rstd);
    else
        find_stats(g->width, s->h * s->w, s->c_out, map, &g->mean, &g->rstd);
    prepare(j->b, g);
    if (whole)
        pool_group(PW_CONV_GROUP, s, g, map, out, pick);
    else
        pool_group(g->width, s, g, map, out, pick);
}

static void norm_image(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    size_t image = j->images.first + item, at = image * pw_conv_out_size(s);
    (void)worker;
    for (int i = 0; i < pw_conv_groups(s); i++) {
        struct group g = group_at(s, i);
        group_forward(j, &g, j->map + item * pw_conv_map_size(s) + g.c, j->out + at + g.c,
                      j->pick != NULL ? j->pick + at + g.c : NULL);
        if (j->stat == NULL)
            continue;
        j->stat[2 * (image * pw_conv_groups(s) + i)] = g.mean;
        j->stat[2 * (image * pw_conv_groups(s) + i) + 1] = g.rstd;
    }
}

void pw_conv_norm(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                  struct pw_span images, const real *map, real *out, real *stat, uint8_t *pick)
{
    struct job job = { .x = x, .b = b, .s = s, .images = images, .map = map, .out = out, .stat = stat, .pick = pick };
    pw_exec_run(x, images.end - images.first, norm_image, &job);
}

/* --- backward --- */

/* Sums over the windows: of the gradient that passed ReLU, and of it times the normed value that was picked. */
INLINE void window_sums(int width, const struct group *g, struct window win, const real *map, const real *dout,
                        const uint8_t *pick, real *dgain, real *dbias)
{
    real v[PW_CONV_GROUP];
    for (int i = 0; i < width; i++)
        v[i] = map[win.at[0] + i];
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < width; i++)
            v[i] = pick[i] == k ? map[win.at[k] + i] : v[i];
    for (int i = 0; i < width; i++) {
        real d = pick[i] == PW_CONV_OFF ? 0 : dout[i];
        dbias[i] += d;
        dgain[i] += d * ((v[i] - g->mean) * g->rstd);
    }
}

/* What the group's two sums bring to every pixel: slope v + level; and the pick's own part. */
struct spread { real slope, level; };

INLINE void window_back(int width, const struct group *g, struct spread sp, struct window win, const real *map,
                        const real *dout, const uint8_t *pick, real *restrict dmap)
{
    for (int k = 3; k >= 0; k--)        /* backwards: at an odd edge the first writes last */
        for (int i = 0; i < width; i++) {
            real own = pick[i] == k ? dout[i] * g->scale[i] : 0;
            dmap[win.at[k] + i] = map[win.at[k] + i] * sp.slope + sp.level + own;
        }
}

INLINE void sum_group(int width, const struct pw_conv_shape *s, const struct group *g, const real *map, const real *dout,
                      const uint8_t *pick, real *part)
{
    real dgain[PW_CONV_GROUP] = { 0 }, dbias[PW_CONV_GROUP] = { 0 };
    size_t at = 0;
    for (int row = 0; row < (s->h + 1) / 2; row++)
        for (int col = 0; col < (s->w + 1) / 2; col++, at += s->c_out)
            window_sums(width, g, window_at(s, row, col), map, dout + at, pick + at, dgain, dbias);
    for (int i = 0; i < width; i++) {
        part[i] = dgain[i];
        part[s->c_out + i] = dbias[i];
    }
}

static struct spread spread_of(const struct pw_conv_shape *s, const struct pw_conv_block *b, const struct group *g,
                               const real *part)
{
    real count = (real)s->h * s->w * g->width, sum = 0, inner = 0;
    for (int i = 0; i < g->width; i++) {
        inner += b->gn_gain->w[g->c + i] * part[i];
        sum += b->gn_gain->w[g->c + i] * part[s->c_out + i];
    }
    real slope = -g->rstd * g->rstd * inner / count;
    return (struct spread){ slope, -g->rstd * sum / count - slope * g->mean };
}

INLINE void spread_group(int width, const struct pw_conv_shape *s, const struct group *g, struct spread sp,
                         const real *map, const real *dout, const uint8_t *pick, real *dmap)
{
    size_t at = 0;
    for (int row = 0; row < (s->h + 1) / 2; row++)
        for (int col = 0; col < (s->w + 1) / 2; col++, at += s->c_out)
            window_back(width, g, sp, window_at(s, row, col), map, dout + at, pick + at, dmap);
}

static void group_back(const struct job *j, const struct group *g, const real *map, const real *dout,
                       const uint8_t *pick, real *dmap, real *part)
{
    bool whole = g->width == PW_CONV_GROUP;
    if (whole)
        sum_group(PW_CONV_GROUP, j->s, g, map, dout, pick, part);
    else
        sum_group(g->width, j->s, g, map, dout, pick, part);
    struct spread sp = spread_of(j->s, j->b, g, part);
    if (whole)
        spread_group(PW_CONV_GROUP, j->s, g, sp, map, dout, pick, dmap);
    else
        spread_group(g->width, j->s, g, sp, map, dout, pick, dmap);
}

static void norm_image_back(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    size_t image = j->images.first + item, at = image * pw_conv_out_size(s);
    (void)worker;
    for (int i = 0; i < pw_conv_groups(s); i++) {
        struct group g = group_at(s, i);
        g.mean = j->stat[2 * (image * pw_conv_groups(s) + i)];
        g.rstd = j->stat[2 * (image * pw_conv_groups(s) + i) + 1];
        prepare(j->b, &g);
        group_back(j, &g, j->map + image * pw_conv_map_size(s) + g.c, j->dout + at + g.c, j->pick + at + g.c,
                   j->dmap + item * pw_conv_map_size(s) + g.c, j->part + image * 2 * s->c_out + g.c);
    }
}

void pw_conv_norm_back(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                       struct pw_span images, const struct pw_conv_keep *keep, const real *dout, real *dmap, real *part)
{
    struct job job = { .x = x, .b = b, .s = s, .images = images, .map = keep->map, .stat = keep->stat,
                       .pick = keep->pick, .dout = dout, .dmap = dmap, .part = part };
    pw_exec_run(x, images.end - images.first, norm_image_back, &job);
}
