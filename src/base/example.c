/* An example: parts and a target, all of them copied into its arena. Arrays in the arena double where their count is a
   power of two, so they need no capacity beside the count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/example.h"
#include "base/num.h"

pwy_example *pw_example_make(void)
{
    pwy_example *ex = pw_calloc(1, sizeof *ex);
    if (ex == NULL)
        return NULL;
    ex->arena = pw_arena_new();
    if (ex->arena != NULL)
        return ex;
    free(ex);
    return NULL;
}

void pw_example_release(pwy_example *ex)
{
    if (ex == NULL)
        return;
    pw_arena_free(ex->arena);
    free(ex->parts);
    free(ex);
}

void pw_example_clear(pwy_example *ex)
{
    pw_arena_reset(ex->arena);
    *ex = (pwy_example){ .arena = ex->arena, .parts = ex->parts };
}

static void *copy(struct pw_arena *arena, const void *data, size_t len)
{
    char *to = pw_arena_take(arena, len + 1, 1);
    if (to == NULL)
        return NULL;
    if (len > 0)
        memcpy(to, data, len);
    to[len] = 0;
    return to;
}

/* `old` with room for one more behind its n; NULL: no memory, old is as it was. */
static void *room_for_one(struct pw_arena *arena, const void *old, int64_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return (void *)old;
    void *grown = pw_arena_take(arena, n == 0 ? 1 : (size_t)n * 2, size);
    if (grown != NULL && n > 0)
        memcpy(grown, old, (size_t)n * size);
    return grown;
}

static struct pw_part *find(const pwy_example *ex, const char *name)
{
    for (int i = 0; i < ex->n_parts; i++)
        if (strcmp(ex->parts[i].name, name) == 0)
            return &ex->parts[i];
    return NULL;
}

struct pw_value *pw_example_part(pwy_example *ex, const char *name)
{
    struct pw_part *part = find(ex, name);
    if (part != NULL)
        return &part->value;
    const char *kept = copy(ex->arena, name, strlen(name));
    struct pw_part *parts = kept ? pw_realloc(ex->parts, (size_t)ex->n_parts + 1, sizeof *parts) : NULL;
    if (parts == NULL)
        return NULL;
    ex->parts = parts;
    parts[ex->n_parts] = (struct pw_part){ .name = kept };
    return &parts[ex->n_parts++].value;
}

const struct pw_value *pw_example_find(const pwy_example *ex, const char *name)
{
    const struct pw_part *part = find(ex, name);
    return part != NULL ? &part->value : NULL;
}

pwy_status pw_example_add_label(pwy_example *ex, const char *label, int64_t len)
{
    const char **labels = room_for_one(ex->arena, ex->labels, ex->n_labels, sizeof *labels);
    PW_NEED(labels);
    ex->labels = labels;
    const char *kept = copy(ex->arena, label, (size_t)len);
    PW_NEED(kept);
    labels[ex->n_labels++] = kept;
    ex->target_type = PW_TARGET_LABELS;
    return PWY_OK;
}

/* Bytes in the well-formed character at s (Unicode 15, table 3-7), 0 where there is none; left > 0. */
static int64_t character(const unsigned char *s, int64_t left)
{
    int64_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (n < 2 || n > left)
        return n > left ? 0 : n;
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high)
        return 0;
    for (int i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

static pwy_status check_text(const char *text, int64_t len)
{
    if (len == 0)
        return pw_fail(PWY_E_DATA, "the text is empty");
    for (int64_t at = 0, n; at < len; at += n) {
        n = character((const unsigned char *)text + at, len - at);
        if (n == 0)
            return pw_fail(PWY_E_DATA, "byte %lld of the text (0x%02X) is not UTF-8; convert it, or read it as bytes",
                           (long long)at, (unsigned char)text[at]);
    }
    return PWY_OK;
}

pwy_status pw_value_set_text(pwy_example *ex, struct pw_value *value, const char *text, int64_t len)
{
    if (len < 0)
        len = (int64_t)strlen(text);
    PW_TRY(check_text(text, len));
    const char *kept = copy(ex->arena, text, (size_t)len);
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_TEXT, .text = kept, .len = len };
    return PWY_OK;
}

pwy_status pw_value_set_bytes(pwy_example *ex, struct pw_value *value, const void *data, int64_t len)
{
    if (len <= 0)
        return pw_fail(PWY_E_DATA, "there are no bytes (length %lld)", (long long)len);
    const char *kept = copy(ex->arena, data, (size_t)len);
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_BYTES, .text = kept, .len = len };
    return PWY_OK;
}

/* The product of four sizes and the size of an item, at most PTRDIFF_MAX; false where it is more or one is below 1. */
static bool fits(int64_t a, int64_t b, int64_t c, int64_t d, int64_t size)
{
    int64_t n;
    return a > 0 && b > 0 && c > 0 && d > 0 && !__builtin_mul_overflow(a, b, &n) && !__builtin_mul_overflow(n, c, &n) &&
           !__builtin_mul_overflow(n, d, &n) && !__builtin_mul_overflow(n, size, &n) && n < PTRDIFF_MAX - 64;
}

static pwy_status check_channels(const char *what, int64_t channels)
{
    if (channels >= 1 && channels <= 4)
        return PWY_OK;
    return pw_fail(PWY_E_DATA, "%s of %lld channels; they must be 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)", what,
                   (long long)channels);
}

pwy_status pw_value_set_image(pwy_example *ex, struct pw_value *value, const uint8_t *pixels, int64_t h, int64_t w,
                              int64_t c)
{
    PW_TRY(check_channels("a picture", c));
    if (!fits(h, w, c, 1, 1))
        return pw_fail(PWY_E_DATA, "a picture of %lld by %lld pixels; it must have at least one, and fit into memory",
                       (long long)h, (long long)w);
    const void *kept = copy(ex->arena, pixels, (size_t)(h * w * c));
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_IMAGE, .pixels = kept, .frames = 1, .height = h, .width = w,
                                .channels = c };
    return PWY_OK;
}

pwy_status pw_value_set_video(pwy_example *ex, struct pw_value *value, const uint8_t *pixels, int64_t frames, int64_t h,
                              int64_t w, int64_t c)
{
    PW_TRY(check_channels("a video", c));
    if (!fits(frames, h, w, c, 1))
        return pw_fail(PWY_E_DATA, "a video of %lld frames of %lld by %lld pixels; each must be at least 1, and all of "
                       "them fit into memory", (long long)frames, (long long)h, (long long)w);
    const void *kept = copy(ex->arena, pixels, (size_t)(frames * h * w * c));
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_VIDEO, .pixels = kept, .frames = frames, .height = h, .width = w,
                                .channels = c };
    return PWY_OK;
}

/* Samples (steps, channels): there must be some, and only a series may miss any (NaN). */
static pwy_status check_samples(const char *what, const float *samples, int64_t steps, int64_t channels, bool may_miss)
{
    if (!fits(steps, channels, 1, 1, sizeof *samples))
        return pw_fail(PWY_E_DATA, "%s of %lld steps and %lld channels; each must be at least 1, and all of them fit "
                       "into memory", what, (long long)steps, (long long)channels);
    for (int64_t i = 0; i < steps * channels; i++)
        if (isinf(samples[i]) || (!may_miss && isnan(samples[i])))
            return pw_fail(PWY_E_DATA, "%s has %f at step %lld, channel %lld; it must be a finite number", what,
                           (double)samples[i], (long long)(i / channels), (long long)(i % channels));
    return PWY_OK;
}

pwy_status pw_value_set_audio(pwy_example *ex, struct pw_value *value, const float *samples, int64_t steps,
                              int64_t channels, double rate)
{
    if (!(rate > 0) || isinf(rate))
        return pw_fail(PWY_E_DATA, "a sound at %g Hz; the rate must be a finite number over 0", rate);
    PW_TRY(check_samples("the sound", samples, steps, channels, false));
    const void *kept = copy(ex->arena, samples, (size_t)(steps * channels) * sizeof *samples);
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_AUDIO, .samples = kept, .steps = steps, .channels = channels,
                                .rate = rate };
    return PWY_OK;
}

pwy_status pw_value_set_series(pwy_example *ex, struct pw_value *value, const float *samples, int64_t steps,
                               int64_t channels)
{
    PW_TRY(check_samples("the series", samples, steps, channels, true));
    const void *kept = copy(ex->arena, samples, (size_t)(steps * channels) * sizeof *samples);
    PW_NEED(kept);
    *value = (struct pw_value){ .type = PW_VALUE_SERIES, .samples = kept, .steps = steps, .channels = channels };
    return PWY_OK;
}

/* Turns value into a row where it was something else. */
static pwy_status add_cell(pwy_example *ex, struct pw_value *value, struct pw_cell cell)
{
    struct pw_value row = value->type == PW_VALUE_ROW ? *value : (struct pw_value){ .type = PW_VALUE_ROW };
    struct pw_cell *cells = room_for_one(ex->arena, row.cells, row.n_cells, sizeof *cells);
    PW_NEED(cells);
    cell.column = copy(ex->arena, cell.column, strlen(cell.column));
    PW_NEED(cell.column);
    row.cells = cells;
    cells[row.n_cells++] = cell;
    *value = row;
    return PWY_OK;
}

pwy_status pw_value_add_cell(pwy_example *ex, struct pw_value *value, const char *column, const char *text, int64_t len)
{
    struct pw_cell cell = { .column = column, .number = NAN };
    if (text == NULL)
        return add_cell(ex, value, cell);
    if (len < 0)
        len = (int64_t)strlen(text);
    if (len > 0)
        PW_TRY(check_text(text, len));
    cell.text = copy(ex->arena, text, (size_t)len);
    PW_NEED(cell.text);
    cell.is_number = pw_parse_double(text, (size_t)len, &cell.number);
    return add_cell(ex, value, cell);
}

pwy_status pw_value_add_number(pwy_example *ex, struct pw_value *value, const char *column, double number)
{
    return add_cell(ex, value, (struct pw_cell){ .column = column, .number = number, .is_number = !isnan(number) });
}
