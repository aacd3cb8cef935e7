/* GroupNorm (Wu and He 2018), ReLU and 2x2 max-pool over a map in one pass, and its backward in two. An item of work is
   an image. The channels of a group are a few vectors of 16 bytes, which every processor has. */
#include "nn/conv.h"

#define EPS 1e-5
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 / sizeof(real), PARTS = PW_CONV_GROUP / LANES };
typedef real lanes __attribute__((vector_size(16)));
#ifdef PATHWAYS_DOUBLE
typedef int64_t whole __attribute__((vector_size(16)));             /* numbers of pixels, and masks */
#else
typedef int32_t whole __attribute__((vector_size(16)));
#endif
typedef uint8_t bytes __attribute__((vector_size(LANES)));

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

/* One group of one image: its channels c .. c + width - 1, and what the norm makes of them: z = scale v + shift.
   Lanes behind the width are 0 or ignored. */
struct group { int c, width; real mean, rstd; lanes scale[PARTS], shift[PARTS]; };

/* Copies up to LANES elements: at once where there are as many. */
INLINE void move(int left, size_t size, const void *from, void *to)
{
    if (left >= LANES)
        memcpy(to, from, LANES * size);
    else
        memcpy(to, from, left * size);
}

INLINE lanes get(int left, const real *p)
{
    lanes v = { 0 };
    move(left, sizeof *p, p, &v);
    return v;
}

INLINE void put(int left, lanes v, real *p)
{
    move(left, sizeof *p, &v, p);
}

INLINE lanes choose(whole mask, lanes yes, lanes no)
{
    return (lanes)(((whole)yes & mask) | ((whole)no & ~mask));
}

/* The parts of a group: part i has its lanes at channel c of the group, of which `left` are there. */
#define EACH_PART(width) for (int i = 0, c = 0, left = (width); left > 0; i++, c += LANES, left -= LANES)

static real fold(int width, const lanes *v)
{
    real sum = 0;
    for (int i = 0; i < width; i++)
        sum += v[i / LANES][i % LANES];
    return sum;
}

/* --- forward --- */

INLINE void find_stats(int width, int pixels, int stride, const real *map, struct group *g)
{
    lanes sum[PARTS] = { 0 }, square[PARTS] = { 0 };
    real count = (real)pixels * width;
    for (int p = 0; p < pixels; p++)
        EACH_PART(width)
            sum[i] += get(left, map + (size_t)p * stride + c);
    g->mean = fold(width, sum) / count;
    for (int p = 0; p < pixels; p++)
        EACH_PART(width) {
            lanes off = get(left, map + (size_t)p * stride + c) - g->mean;
            square[i] += off * off;
        }
    g->rstd = 1 / pw_sqrt(fold(width, square) / count + (real)EPS);
}

static struct group group_at(const struct pw_conv_shape *s, int index)
{
    int c = index * PW_CONV_GROUP, width = s->c_out - c < PW_CONV_GROUP ? s->c_out - c : PW_CONV_GROUP;
    return (struct group){ .c = c, .width = width };
}

static void prepare(const struct pw_conv_block *b, struct group *g)
{
    EACH_PART(g->width) {
        g->scale[i] = g->rstd * get(left, b->gn_gain->w + g->c + c);
        g->shift[i] = get(left, b->gn_bias->w + g->c + c) - g->mean * g->scale[i];
    }
}

/* Where the four pixels of a window stand; at an odd edge the ones outside are those inside again. */
struct window { size_t at[4]; };

INLINE struct window window_at(const struct pw_conv_shape *s, int row, int col)
{
    int down = 2 * row + 1 < s->h, right = 2 * col + 1 < s->w;
    size_t first = ((size_t)2 * row * s->w + 2 * col) * s->c_out, below = first + (size_t)down * s->w * s->c_out;
    return (struct window){ { first, first + right * s->c_out, below, below + right * s->c_out } };
}

/* Walks over the windows of an image; `at` is the window's place in the output. */
#define EACH_WINDOW(s) \
    for (size_t row = 0, at = 0; row < ((size_t)(s)->h + 1) / 2; row++) \
        for (size_t col = 0; col < ((size_t)(s)->w + 1) / 2; col++, at += (s)->c_out)

/* The first of the largest wins; NaN, which is in a whole group or nowhere, stays. */
INLINE void pool(int width, const struct group *g, struct window win, const real *map, real *out, uint8_t *pick)
{
    EACH_PART(width) {
        lanes best = get(left, map + win.at[0] + c) * g->scale[i] + g->shift[i], zero = { 0 };
        whole from = { 0 };
        for (int k = 1; k < 4; k++) {
            lanes z = get(left, map + win.at[k] + c) * g->scale[i] + g->shift[i];
            whole more = z > best;
            from = (k & more) | (from & ~more);
            best = choose(more, z, best);
        }
        whole on = best > zero;
        bytes picks = __builtin_convertvector((from & on) | (PW_CONV_OFF & ~on), bytes);
        put(left, choose(best < zero, zero, best), out + c);
        if (pick != NULL)
            move(left, 1, &picks, pick + c);
    }
}

INLINE void group_forward(int width, const struct job *j, struct group *g, const real *map, real *out, uint8_t *pick)
{
    const struct pw_conv_shape *s = j->s;
    find_stats(width, s->h * s->w, s->c_out, map, g);
    prepare(j->b, g);
    EACH_WINDOW(s)
        pool(width, g, window_at(s, row, col), map, out + at, pick != NULL ? pick + at : NULL);
}

static void norm_image(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    size_t image = j->images.first + item, to = image * pw_conv_out_size(s);
    (void)worker;
    for (int n = 0; n < pw_conv_groups(s); n++) {
        struct group g = group_at(s, n);
        const real *map = j->map + item * pw_conv_map_size(s) + g.c;
        uint8_t *pick = j->pick != NULL ? j->pick + to + g.c : NULL;
        if (g.width == PW_CONV_GROUP)
            group_forward(PW_CONV_GROUP, j, &g, map, j->out + to + g.c, pick);
        else
            group_forward(g.width, j, &g, map, j->out + to + g.c, pick);
        if (j->stat == NULL)
            continue;
        j->stat[2 * (image * pw_conv_groups(s) + n)] = g.mean;
        j->stat[2 * (image * pw_conv_groups(s) + n) + 1] = g.rstd;
    }
}

void pw_conv_norm(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                  struct pw_span images, const real *map, real *out, real *stat, uint8_t *pick)
{
    struct job job = { .x = x, .b = b, .s = s, .images = images, .map = map, .out = out, .stat = stat, .pick = pick };
    pw_exec_run(x, images.end - images.first, norm_image, &job);
}

/* --- backward --- */

INLINE whole get_picks(int left, const uint8_t *p)
{
    bytes b = { 0 };
    move(left, 1, p, &b);
    return __builtin_convertvector(b, whole);
}

/* The sums over an image that backward needs first: of the gradient that passed ReLU, and of it times the normed value
   that was picked. */
struct sums { lanes gain[PARTS], bias[PARTS]; };

INLINE void add_window(int width, const struct group *g, struct window win, const real *map, const real *dout,
                       const uint8_t *pick, struct sums *sums)
{
    EACH_PART(width) {
        whole from = get_picks(left, pick + c);
        lanes v = get(left, map + win.at[0] + c), zero = { 0 };
        for (int k = 1; k < 4; k++)
            v = choose(from == k, get(left, map + win.at[k] + c), v);
        lanes d = choose(from == PW_CONV_OFF, zero, get(left, dout + c));
        sums->bias[i] += d;
        sums->gain[i] += d * ((v - g->mean) * g->rstd);
    }
}

/* What the group's two sums bring to every pixel: slope v + level. */
struct spread { real slope, level; };

static struct spread spread_of(const struct pw_conv_shape *s, const struct pw_conv_block *b, const struct group *g,
                               const struct sums *sums)
{
    struct sums weighted;
    EACH_PART(g->width) {
        weighted.gain[i] = get(left, b->gn_gain->w + g->c + c) * sums->gain[i];
        weighted.bias[i] = get(left, b->gn_gain->w + g->c + c) * sums->bias[i];
    }
    real count = (real)s->h * s->w * g->width;
    real slope = -g->rstd * g->rstd * fold(g->width, weighted.gain) / count;
    return (struct spread){ slope, -g->rstd * fold(g->width, weighted.bias) / count - slope * g->mean };
}

/* Every pixel is in one window. From the last to the first: at an odd edge, where they meet, the first stays. */
INLINE void window_back(int width, const struct group *g, struct spread spread, struct window win, const real *map,
                        const real *dout, const uint8_t *pick, real *dmap)
{
    EACH_PART(width) {
        whole from = get_picks(left, pick + c);
        lanes own = get(left, dout + c) * g->scale[i], zero = { 0 };
        for (int k = 3; k >= 0; k--) {
            lanes all = get(left, map + win.at[k] + c) * spread.slope + spread.level;
            put(left, all + choose(from == k, own, zero), dmap + win.at[k] + c);
        }
    }
}

INLINE void group_back(int width, const struct job *j, const struct group *g, const real *map, const real *dout,
                       const uint8_t *pick, real *dmap, real *part)
{
    const struct pw_conv_shape *s = j->s;
    struct sums sums = { 0 };
    EACH_WINDOW(s)
        add_window(width, g, window_at(s, row, col), map, dout + at, pick + at, &sums);
    struct spread spread = spread_of(s, j->b, g, &sums);
    EACH_WINDOW(s)
        window_back(width, g, spread, window_at(s, row, col), map, dout + at, pick + at, dmap);
    EACH_PART(width) {
        put(left, sums.gain[i], part + c);
        put(left, sums.bias[i], part + s->c_out + c);
    }
}

static void norm_image_back(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    size_t image = j->images.first + item, from = image * pw_conv_out_size(s);
    (void)worker;
    for (int n = 0; n < pw_conv_groups(s); n++) {
        struct group g = group_at(s, n);
        const real *map = j->map + image * pw_conv_map_size(s) + g.c;
        real *dmap = j->dmap + item * pw_conv_map_size(s) + g.c, *part = j->part + image * 2 * s->c_out + g.c;
        g.mean = j->stat[2 * (image * pw_conv_groups(s) + n)];
        g.rstd = j->stat[2 * (image * pw_conv_groups(s) + n) + 1];
        prepare(j->b, &g);
        if (g.width == PW_CONV_GROUP)
            group_back(PW_CONV_GROUP, j, &g, map, j->dout + from + g.c, j->pick + from + g.c, dmap, part);
        else
            group_back(g.width, j, &g, map, j->dout + from + g.c, j->pick + from + g.c, dmap, part);
    }
}

void pw_conv_norm_back(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                       struct pw_span images, const struct pw_conv_keep *keep, const real *dout, real *dmap, real *part)
{
    struct job job = { .x = x, .b = b, .s = s, .images = images, .map = keep->map, .stat = keep->stat,
                       .pick = keep->pick, .dout = dout, .dmap = dmap, .part = part };
    pw_exec_run(x, images.end - images.first, norm_image_back, &job);
}
