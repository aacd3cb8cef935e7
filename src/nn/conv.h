/* The parts of a convolution block: kernels standardised, patches of the maps, and norm with ReLU and pooling.
   Private to src/nn. */
#ifndef PW_CONV_H
#define PW_CONV_H
#include "nn/nn.h"
#include "nn/rows.h"

enum { PW_CONV_GROUP = 8, PW_CONV_OFF = 4 };    /* channels of a norm's group; the pick where ReLU is off */

/* The sizes of one call. */
struct pw_conv_shape { int n, h, w, c_in, c_out; };
static inline size_t pw_conv_in_size(const struct pw_conv_shape *s) { return (size_t)s->h * s->w * s->c_in; }
static inline size_t pw_conv_map_size(const struct pw_conv_shape *s) { return (size_t)s->h * s->w * s->c_out; }
static inline size_t pw_conv_patch_size(const struct pw_conv_shape *s) { return 9 * pw_conv_in_size(s); }
static inline size_t pw_conv_out_size(const struct pw_conv_shape *s)
{
    return (size_t)((s->h + 1) / 2) * ((s->w + 1) / 2) * s->c_out;
}
static inline int pw_conv_groups(const struct pw_conv_shape *s)
{
    return (s->c_out + PW_CONV_GROUP - 1) / PW_CONV_GROUP;
}

struct pw_conv_keep {
    real *kernel;                       /* (9 c_in, c_out) standardised, with the gain */
    real *mean, *rstd;                  /* (c_out) of the raw kernel */
    real *map;                          /* (n, h, w, c_out) before the norm */
    real *stat;                         /* (n, groups, 2): mean and 1 / std */
    uint8_t *pick;                      /* (n, out h, out w, c_out): which of the four was largest, or PW_CONV_OFF */
};

/* conv_kernel.c */
pwy_status pw_conv_kernel(struct pw_exec *x, const struct pw_conv_block *b, struct pw_conv_keep *keep);
pwy_status pw_conv_kernel_back(struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_keep *keep,
                               const real *dkernel);

/* conv_patch.c: images first .. end-1 and their patches (end - first, h, w, 9, c_in); back: ADDS to din. */
void pw_conv_patches(const struct pw_exec *x, const struct pw_conv_shape *s, struct pw_span images, const real *in,
                     real *patches);
void pw_conv_patches_back(const struct pw_exec *x, const struct pw_conv_shape *s, struct pw_span images,
                          const real *dpatches, real *din);

/* conv_norm.c: GroupNorm, ReLU, 2x2 max-pool of images first .. end-1. map is theirs alone; out, stat and pick (these
   two may be NULL) and dout are whole. */
void pw_conv_norm(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                  struct pw_span images, const real *map, real *out, real *stat, uint8_t *pick);
/* dmap is overwritten, theirs alone; part (n, 2, c_out): gradients of gain and bias, image by image. */
void pw_conv_norm_back(const struct pw_exec *x, const struct pw_conv_block *b, const struct pw_conv_shape *s,
                       struct pw_span images, const struct pw_conv_keep *keep, const real *dout, real *dmap,
                       real *part);
#endif
