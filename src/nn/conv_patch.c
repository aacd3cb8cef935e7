/* The 3x3 neighbourhoods of every pixel as rows of a matrix, and back. */
#include "nn/conv.h"

struct job {
    const struct pw_exec *x;
    const struct pw_conv_shape *s;
    struct pw_span images;
    const real *from;
    real *to;
};

/* The columns x - 1 .. x + 1 that lie inside: `count` of them, `skip` left out before. */
struct taps { int skip, count; };

static struct taps taps_at(int x, int w)
{
    int skip = x == 0, last = x + 1 < w ? 2 : 1;
    return (struct taps){ skip, last - skip + 1 };
}

/* One row of three taps (3, c). line NULL: outside the image. */
static void copy_taps(struct taps t, int x, int c, const real *line, real *to)
{
    if (line == NULL) {
        memset(to, 0, 3 * c * sizeof *to);
        return;
    }
    if (t.skip > 0)
        memset(to, 0, c * sizeof *to);
    memcpy(to + t.skip * c, line + (ptrdiff_t)(x - 1 + t.skip) * c, t.count * c * sizeof *to);
    if (t.skip + t.count < 3)
        memset(to + 2 * c, 0, c * sizeof *to);
}

static void patch_image(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    int c = s->c_in, h = s->h, w = s->w;
    const real *image = j->from + (j->images.first + item) * pw_conv_in_size(s);
    real *to = j->to + item * pw_conv_patch_size(s);
    (void)worker;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int k = y - 1; k <= y + 1; k++, to += 3 * c)
                copy_taps(taps_at(x, w), x, c, k < 0 || k >= h ? NULL : image + (size_t)k * w * c, to);
}

void pw_conv_patches(const struct pw_exec *x, const struct pw_conv_shape *s, struct pw_span images, const real *in,
                     real *patches)
{
    struct job job = { x, s, images, in, patches };
    pw_exec_run(x, images.end - images.first, patch_image, &job);
}

static void patch_image_back(void *arg, int item, int worker)
{
    const struct job *j = arg;
    const struct pw_conv_shape *s = j->s;
    int c = s->c_in, h = s->h, w = s->w;
    const real *from = j->from + item * pw_conv_patch_size(s);
    real *image = j->to + (j->images.first + item) * pw_conv_in_size(s);
    (void)worker;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int k = y - 1; k <= y + 1; k++, from += 3 * c) {
                struct taps t = taps_at(x, w);
                if (k >= 0 && k < h)
                    j->x->kern->add(t.count * c, from + t.skip * c, image + ((ptrdiff_t)k * w + x - 1 + t.skip) * c);
            }
}

void pw_conv_patches_back(const struct pw_exec *x, const struct pw_conv_shape *s, struct pw_span images,
                          const real *dpatches, real *din)
{
    struct job job = { x, s, images, dpatches, din };
    pw_exec_run(x, images.end - images.first, patch_image_back, &job);
}
