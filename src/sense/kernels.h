/* Fixed dilated kernels over time series (MiniRocket: Dempster, Schmidt and Webb 2021): 84 kernels of length 9, three
   weights 2 and six -1, each over a random subset of the channels; a feature is the share of the steps where the
   response is above a bias. */
#ifndef PW_KERNELS_H
#define PW_KERNELS_H
#include "base/mem.h"
#include "base/real.h"

enum { PW_KERNELS = 84, PW_KERNEL_LENGTH = 9, PW_BIASES = 4, PW_DILATION_FEATURES = PW_KERNELS * PW_BIASES,
      PW_DILATIONS = 10 };

/* One series made ready: (channels, steps), each channel of mean 0 and spread 1, padded for the widest dilation. */
struct pw_lines { int64_t steps, channels, pad, stride; real *line; real *base; real *response; };

/* Room for the responses of one series from the arena; line is to be filled by the caller: channel c, step t at
   line[c stride + pad + t]. */
pwy_status pw_padded_open(struct pw_arena *arena, int64_t steps, int64_t channels, int dilations, struct pw_lines *out);
/* Response of kernel k at dilation 1 << j (steps), which pw_padded_dilate prepared: sum over its channels. `subset`:
   (channels) 0 or 1. */
void pw_padded_dilate(struct pw_lines *l, int j);
const real *pw_padded_respond(struct pw_lines *l, int j, int k, const uint8_t *subset);
/* The channels of kernel k at dilation 1 << j: a function of seed, j and k. */
void pw_kernel_subset(uint64_t seed, int j, int k, int64_t channels, uint8_t *subset);
#endif
