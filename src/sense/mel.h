/* Sound to log-mel frames: 8 kHz mono, a frame every 10 ms, 40 bands from 60 Hz. */
#ifndef PW_MEL_H
#define PW_MEL_H
#include "base/example.h"
#include "base/real.h"

enum { PW_MEL_RATE = 8000, PW_MEL_HOP = 80, PW_MEL_WINDOW = 256, PW_MEL_BANDS = 40, PW_MEL_SECONDS = 60 };

/* Window, bands and filters; never changed once made, so any thread may use it. */
struct pw_mel;
pwy_status pw_mel_new(struct pw_mel **out);
void pw_mel_free(struct pw_mel *m);

/* PWY_E_DATA for a sound that is empty, has no rate or holds a NaN or an infinity. */
pwy_status pw_mel_check(const struct pw_value *sound);
/* Seconds that pw_mel_frames hears of it: all, or the middle PW_MEL_SECONDS. */
double pw_mel_seconds(const struct pw_value *sound);
/* log(energy + 1e-6) of every band: frame (n_frames, PW_MEL_BANDS), in the arena. Checked sound. */
pwy_status pw_mel_frames(const struct pw_mel *m, const struct pw_value *sound, struct pw_arena *arena, real **frame,
                         int64_t *n_frames);
#endif
