/* Parts of an example cut to a size: the start of a text or a series, the middle of a picture, the first cells. */
#include "base/example_bytes.h"
#include <math.h>
#include <string.h>

static int64_t at_least_one(int64_t n)
{
    return n > 0 ? n : 1;
}

/* Not within a character of UTF-8: up to its end. */
static pwy_status cut_text(pwy_example *ex, struct pw_value *v, int64_t most)
{
    int64_t len = most;
    while (len < v->len && ((unsigned char)v->text[len] & 0xC0) == 0x80) len++;
    return len < v->len ? pw_value_set_text(ex, v, v->text, len) : PWY_OK;
}

static pwy_status cut_bytes(pwy_example *ex, struct pw_value *v, int64_t most)
{
    return most < v->len ? pw_value_set_bytes(ex, v, v->text, most) : PWY_OK;
}

static pwy_status cut_samples(pwy_example *ex, struct pw_value *v, int64_t most)
{
    (void)ex;
    int64_t steps = at_least_one(most / (v->channels * (int64_t)sizeof *v->samples));
    if (steps < v->steps) v->steps = steps;
    return PWY_OK;
}

static int64_t cell_bytes(const struct pw_cell *c)
{
    return (int64_t)(sizeof *c + strlen(c->column) + (c->text == NULL ? 0 : strlen(c->text)));
}

static pwy_status cut_cells(pwy_example *ex, struct pw_value *v, int64_t most)
{
    (void)ex;
    int64_t n = 0;
    for (; n < v->n_cells; n++) {
        most -= cell_bytes(&v->cells[n]);
        if (most < 0 && n > 0) break;
    }
    v->n_cells = n;
    return PWY_OK;
}

struct window { int64_t frames, height, width; };

static pwy_status take_window(pwy_example *ex, struct pw_value *v, const struct window *w)
{
    size_t row = (size_t)(w->width * v->channels);
    int64_t top = (v->height - w->height) / 2, left = (v->width - w->width) / 2;
    uint8_t *to = pw_arena_take(ex->arena, (size_t)(w->frames * w->height), row);
    PW_NEED(to);
    for (int64_t i = 0; i < w->frames * w->height; i++) {
        int64_t y = i / w->height * v->height + top + i % w->height;
        memcpy(to + (size_t)i * row, v->pixels + (y * v->width + left) * v->channels, row);
    }
    v->pixels = to;
    v->frames = w->frames;
    v->height = w->height;
    v->width = w->width;
    return PWY_OK;
}

/* A window in the middle, as many times narrower as lower; of a video, also as many times fewer frames. */
static pwy_status cut_pixels(pwy_example *ex, struct pw_value *v, int64_t most)
{
    double all = (double)v->frames * (double)v->height * (double)v->width * (double)v->channels;
    if (all <= (double)most) return PWY_OK;
    double share = pow((double)most / all, v->frames > 1 ? 1. / 3 : 1. / 2);
    struct window w = {at_least_one((int64_t)((double)v->frames * share)),
                       at_least_one((int64_t)((double)v->height * share)),
                       at_least_one((int64_t)((double)v->width * share))};
    return take_window(ex, v, &w);
}

/* `most`: of content; at least one letter, step, pixel or cell is left. */
static pwy_status (*const cut[])(pwy_example *ex, struct pw_value *v, int64_t most) = {
    [PW_VALUE_TEXT] = cut_text, [PW_VALUE_BYTES] = cut_bytes, [PW_VALUE_IMAGE] = cut_pixels,
    [PW_VALUE_VIDEO] = cut_pixels, [PW_VALUE_AUDIO] = cut_samples, [PW_VALUE_SERIES] = cut_samples,
    [PW_VALUE_ROW] = cut_cells};

pwy_status pw_example_cut(pwy_example *ex, int64_t most)
{
    for (int i = 0; i < ex->n_parts; i++) {
        struct pw_value *v = &ex->parts[i].value;
        if (v->type != PW_VALUE_NONE) PW_TRY(cut[v->type](ex, v, at_least_one(most / ex->n_parts)));
    }
    return PWY_OK;
}
