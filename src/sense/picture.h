/* Pictures of any size and number of channels to (height, width, 3) numbers in -1..1. */
#ifndef PW_PICTURE_H
#define PW_PICTURE_H
#include "base/example.h"
#include "base/real.h"
#include "base/rng.h"

enum { PW_PICTURE_MIN = 8 };            /* the shorter side of a box is never less */

/* PWY_E_DATA for a picture without pixels, or with channels other than 1 to 4. */
pwy_status pw_picture_check(const struct pw_value *value);
/* The size that a picture of (height, width) takes when its longer side must be within PW_PICTURE_MIN .. side. */
void pw_picture_size(int64_t height, int64_t width, int64_t side, int64_t *out_height, int64_t *out_width);
/* Draws the picture into out (height, width, 3): as it is when it has that size, else scaled to fit by area averaging
   and centred on a ground of mid-grey. Grey is replicated; alpha is laid over white, and then the ground is white
   too. */
void pw_picture_draw(const struct pw_value *value, int64_t height, int64_t width, real *out);
/* out = in moved by up to 2 pixels each way (the border repeated), mirrored half the time when `flip`. */
void pw_picture_move(struct pw_rng *rng, bool flip, int64_t height, int64_t width, const real *in, real *out);
#endif
