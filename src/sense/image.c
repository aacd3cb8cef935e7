/* Pictures: three blocks of convolution shared by all tasks (32, 64, 128 channels), then 2x2 patches of the last map
   as rows. The rows of a picture, end to end, are also the wide path's features, with a gradient: the stem learns
   fastest that way. A task that is added to others may have gains, norms and the first blocks of its own, which start
   as copies (as residual adapters do: Rebuffi et al. 2017). A task has one size, fixed by its training pictures: the
   most common one, or the smallest box around all of them. */
#include "sense/fitted.h"
#include "sense/picture.h"
#include "sense/project.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3, MAP = 128, PATCH = 4 * MAP, PLACES = 16, LOOK = 1000 };

/* What of the blocks is the task's own: nothing, gains and norms, and with them the first, two or all convolutions. */
enum { OWN_NONE, OWN_NORMS, OWN_FIRST, OWN_TWO, OWN_ALL };

struct image {
    int64_t side, own; char *augment;               /* settings; own: OWN_..., then what there is */
    bool shift, flip;
    int64_t height, width;                          /* of every picture of the task */
    int64_t map_h, map_w, grid_h, grid_w;           /* of the last map, of its patches */
    struct pw_conv_block block[BLOCKS];
    struct pw_project patch;
    struct pw_param *row, *column;                  /* (PLACES, d) */
};

struct image_keep {
    real *map[BLOCKS + 1];                          /* the pictures (n, height, width, 3), then each block's output */
    struct pw_conv_keep *conv[BLOCKS];
    real *patches;                                  /* (n grid, PATCH) */
    int32_t *at_row, *at_column;                    /* (n grid) */
    struct pw_project_keep project;
};

static const struct pw_option image_settings[] = {
    {"side", PW_OPT_INT, offsetof(struct image, side), PW_PICTURE_MIN, 8 * 2 * PLACES},
    {"own", PW_OPT_INT, offsetof(struct image, own), OWN_NONE, OWN_ALL},
    {"augment", PW_OPT_TEXT, offsetof(struct image, augment), 0, 0}, {0}};

static void image_close(struct pw_sense *s)
{
    if (s->state != NULL) pw_options_release(image_settings, s->state);
    free(s->state);
    s->state = NULL;
}

static pwy_status read_augment(struct image *im)
{
    const char *word = im->augment == NULL ? "none" : im->augment;
    im->flip = strcmp(word, "flip") == 0;
    im->shift = im->flip || strcmp(word, "shift") == 0;
    if (im->shift || strcmp(word, "none") == 0) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "image: augment is '%s'; none, shift or flip (which shifts too) would be right",
                   word);
}

static pwy_status image_open(struct pw_sense *s, const struct pw_node *settings)
{
    struct image *im;
    PW_NEED(s->state = im = pw_calloc(1, sizeof *im));
    im->side = 48;
    PW_TRY(pw_sense_options(settings, "image", image_settings, im));
    return read_augment(im);
}

static void set_size(struct pw_sense *s, int64_t height, int64_t width)
{
    struct image *im = s->state;
    im->height = height;
    im->width = width;
    s->input = (double)(height > width ? height : width);
    im->map_h = (height + 7) / 8;
    im->map_w = (width + 7) / 8;
    im->grid_h = (im->map_h + 1) / 2;
    im->grid_w = (im->map_w + 1) / 2;
    s->wide_dense = s->outputs > 0 ? (int)(im->grid_h * im->grid_w) * s->d : 0;
}

/* --- fit: one size for the task --- */

struct sizes { int64_t (*size)[3]; int64_t n, seen, box_h, box_w; };    /* size: height, width, how often */

static void count_size(struct sizes *sizes, int64_t height, int64_t width)
{
    int64_t i = 0;
    while (i < sizes->n && (sizes->size[i][0] != height || sizes->size[i][1] != width)) i++;
    if (i == sizes->n) {
        sizes->size[i][0] = height;
        sizes->size[i][1] = width;
        sizes->size[sizes->n++][2] = 0;
    }
    sizes->size[i][2]++;
    sizes->seen++;
    if (height > sizes->box_h) sizes->box_h = height;
    if (width > sizes->box_w) sizes->box_w = width;
}

static pwy_status count_sizes(const struct image *im, const struct pw_fit *fit, int64_t take, struct sizes *sizes)
{
    for (int64_t j = 0; j < take; j++) {
        const struct pw_value *value;
        int64_t height, width;
        PW_TRY(pw_fit_value(fit, take, j, PW_VALUE_IMAGE, &value));
        if (value == NULL || pw_picture_check(value) != PWY_OK) continue;
        pw_picture_size(value->height, value->width, im->side, &height, &width);
        count_size(sizes, height, width);
    }
    return sizes->seen > 0 ? PWY_OK : pw_fail(PWY_E_DATA, "no training row has a picture");
}

/* The most common size where half the pictures have it, else the box around all. */
static void choose_size(struct pw_sense *s, const struct sizes *sizes)
{
    int64_t best = 0, height, width;
    for (int64_t i = 1; i < sizes->n; i++)
        if (sizes->size[i][2] > sizes->size[best][2]) best = i;
    bool common = sizes->size[best][2] * 2 >= sizes->seen;
    height = common ? sizes->size[best][0] : sizes->box_h;
    width = common ? sizes->size[best][1] : sizes->box_w;
    set_size(s, height < PW_PICTURE_MIN ? PW_PICTURE_MIN : height, width < PW_PICTURE_MIN ? PW_PICTURE_MIN : width);
}

/* --- the blocks --- */

static int channels(int block)
{
    return block < 0 ? 3 : 32 << block;
}

static bool has_own(const struct image *im, int block)
{
    return im->own > OWN_NORMS + block;
}

/* "image.conv1" or "task/T/P/conv1". */
static pwy_status block_name(const struct pw_sense *s, int i, bool own, char *out, size_t size)
{
    int len = snprintf(out, size, "%s%cconv%d", own ? s->own : s->stem, own ? '/' : '.', i + 1);
    return len > 0 && (size_t)len < size ? PWY_OK : pw_fail(PWY_E_ARGUMENT, "image: the part's name is too long");
}

static pwy_status declare_block(struct pw_sense *s, int i)
{
    const struct image *im = s->state;
    struct pw_conv_block *b = &((struct image *)s->state)->block[i];
    struct pw_params *set = s->params;
    int c_in = channels(i - 1), c_out = channels(i);
    char w[512], norms[512];
    PW_TRY(block_name(s, i, has_own(im, i), w, sizeof w));
    PW_TRY(block_name(s, i, im->own >= OWN_NORMS, norms, sizeof norms));
    b->c_in = c_in;
    b->c_out = c_out;
    PW_TRY(pw_param_declare(set, PW_MATRIX, PW_UNIFORM, 1 / sqrt(9.0 * c_in), 4, PW_SHAPE(3, 3, c_in, c_out), &b->w,
                            "%s.w", w));
    PW_TRY(pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(c_out), &b->gain, "%s.gain", norms));
    PW_TRY(pw_param_declare(set, PW_VECTOR, PW_ONES, 0, 1, PW_SHAPE(c_out), &b->gn_gain, "%s.norm.w", norms));
    return pw_param_declare(set, PW_VECTOR, PW_ZEROS, 0, 1, PW_SHAPE(c_out), &b->gn_bias, "%s.norm.b", norms);
}

static void start_as(struct pw_param *own, const struct pw_param *shared)
{
    if (own != shared) memcpy(own->w, shared->w, (size_t)own->n * sizeof(real));
}

/* Own blocks start as what is shared. */
static pwy_status start_own(struct pw_sense *s)
{
    struct image *im = s->state;
    int64_t own = im->own;
    for (int i = 0; i < BLOCKS; i++) {
        struct pw_conv_block *b = &im->block[i], shared;
        im->own = OWN_NONE;
        PW_TRY(declare_block(s, i));
        shared = *b;
        im->own = own;
        PW_TRY(declare_block(s, i));
        start_as(b->w, shared.w);
        start_as(b->gain, shared.gain);
        start_as(b->gn_gain, shared.gn_gain);
        start_as(b->gn_bias, shared.gn_bias);
    }
    return PWY_OK;
}

/* As much as the numbers allow, where there is something to start from. */
static void choose_own(struct pw_sense *s, int64_t numbers)
{
    struct image *im = s->state;
    char first[64];
    snprintf(first, sizeof first, "%s.conv1.w", s->stem);
    if (numbers == 0 || im->own > OWN_NONE || pw_params_find(s->params, first) == NULL) return;
    for (int i = 0; i < BLOCKS; i++) numbers -= 3 * channels(i);
    if (numbers < 0) return;
    im->own = OWN_NORMS;
    for (int i = 0; i < BLOCKS && (numbers -= 9 * channels(i - 1) * channels(i)) >= 0; i++) im->own++;
}

/* --- fit --- */

static pwy_status image_fit(struct pw_sense *s, const struct pw_fit *fit)
{
    int64_t take = fit->n_train < LOOK ? fit->n_train : LOOK;
    struct sizes sizes = {0};
    PW_NEED(sizes.size = pw_calloc((size_t)take + 1, sizeof *sizes.size));
    pwy_status status = count_sizes(s->state, fit, take, &sizes);
    if (status == PWY_OK) choose_size(s, &sizes);
    free(sizes.size);
    choose_own(s, fit->numbers);
    return status == PWY_OK && ((struct image *)s->state)->own > OWN_NONE ? start_own(s) : status;
}

static pwy_status image_save(const struct pw_sense *s, struct pw_node *into)
{
    const struct image *im = s->state;
    PW_TRY(pw_fitted_put(into, "height", (double)im->height));
    if (im->own > OWN_NONE) PW_TRY(pw_fitted_put(into, "own", (double)im->own));
    return pw_fitted_put(into, "width", (double)im->width);
}

static pwy_status image_load(struct pw_sense *s, const struct pw_node *from)
{
    double height, width, own = OWN_NONE;
    PW_TRY(pw_fitted_get(from, "image", "height", PW_PICTURE_MIN, 8 * 2 * PLACES, &height));
    PW_TRY(pw_fitted_get(from, "image", "width", PW_PICTURE_MIN, 8 * 2 * PLACES, &width));
    if (pw_node_get(from, "own") != NULL) PW_TRY(pw_fitted_get(from, "image", "own", OWN_NONE, OWN_ALL, &own));
    ((struct image *)s->state)->own = (int64_t)own;
    set_size(s, (int64_t)height, (int64_t)width);
    return PWY_OK;
}

static pwy_status image_declare(struct pw_sense *s)
{
    struct image *im = s->state;
    for (int i = 0; i < BLOCKS; i++) PW_TRY(declare_block(s, i));
    PW_TRY(pw_project_declare(s->params, s->stem, ".patch", PATCH, s->d, &im->patch));
    PW_TRY(pw_param_declare(s->params, PW_VECTOR, PW_NORMAL, .1, 2, PW_SHAPE(PLACES, s->d), &im->row, "%s.row",
                            s->stem));
    return pw_param_declare(s->params, PW_VECTOR, PW_NORMAL, .1, 2, PW_SHAPE(PLACES, s->d), &im->column,
                            "%s.column", s->stem);
}

/* --- one picture --- */

static pwy_status image_encode(const struct pw_sense *s, const struct pw_value *value, struct pw_rng *augment,
                               struct pw_arena *arena, struct pw_encoded *out)
{
    const struct image *im = s->state;
    struct pw_encoded e = {.n_tokens = (int)(im->grid_h * im->grid_w), .n_reals = im->height * im->width * 3};
    real *moved;
    PW_TRY(pw_picture_check(value));
    PW_NEED(e.reals = pw_arena_take(arena, (size_t)e.n_reals, sizeof(real)));
    pw_picture_draw(value, im->height, im->width, e.reals);
    if (augment != NULL && im->shift) {
        PW_NEED(moved = pw_arena_take(arena, (size_t)e.n_reals, sizeof(real)));
        pw_picture_move(augment, im->flip, im->height, im->width, e.reals, moved);
        e.reals = moved;
    }
    *out = e;
    return PWY_OK;
}

/* --- many pictures --- */

static pwy_status gather_pictures(const struct image *im, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                  real **out)
{
    size_t size = (size_t)(im->height * im->width * 3);
    PW_NEED(*out = pw_arena_take(x->arena, (size_t)n * size + 1, sizeof(real)));
    for (int i = 0; i < n; i++) memcpy(*out + (size_t)i * size, in[i]->reals, size * sizeof(real));
    return PWY_OK;
}

/* Block i on maps of size (h, w); sets them to the size of its output. */
static pwy_status run_block(const struct image *im, struct pw_exec *x, int i, int n, int64_t *h, int64_t *w,
                            struct image_keep *k)
{
    int64_t out_h = (*h + 1) / 2, out_w = (*w + 1) / 2;
    size_t size = (size_t)n * (size_t)(out_h * out_w * im->block[i].c_out);
    PW_NEED(k->map[i + 1] = pw_arena_take(x->arena, size + 1, sizeof(real)));
    PW_TRY(pw_conv_block(x, &im->block[i], n, (int)*h, (int)*w, k->map[i], k->map[i + 1],
                         x->train ? &k->conv[i] : NULL));
    *h = out_h;
    *w = out_w;
    return PWY_OK;
}

/* Copies between maps (n, map_h, map_w, MAP) and patches (n grid, PATCH); what lies outside the map is zero. */
static void move_patches(const struct image *im, int n, real *maps, real *patches, bool to_patches)
{
    for (int64_t i = 0; i < n * im->grid_h * im->grid_w * 4; i++) {
        int64_t token = i / 4, cell = token % (im->grid_h * im->grid_w), picture = token / (im->grid_h * im->grid_w);
        int64_t y = cell / im->grid_w * 2 + i % 4 / 2, x = cell % im->grid_w * 2 + i % 2;
        real *patch = patches + i * MAP;
        bool outside = y >= im->map_h || x >= im->map_w;
        real *map = outside ? NULL : maps + ((picture * im->map_h + y) * im->map_w + x) * MAP;
        if (outside && to_patches) memset(patch, 0, MAP * sizeof(real));
        if (outside) continue;
        memcpy(to_patches ? patch : map, to_patches ? map : patch, MAP * sizeof(real));
    }
}

static pwy_status place_patches(const struct image *im, struct pw_exec *x, int rows, struct image_keep *k)
{
    int64_t cells = im->grid_h * im->grid_w;
    PW_NEED(k->at_row = pw_arena_take(x->arena, (size_t)rows + 1, sizeof *k->at_row));
    PW_NEED(k->at_column = pw_arena_take(x->arena, (size_t)rows + 1, sizeof *k->at_column));
    for (int i = 0; i < rows; i++) {
        k->at_row[i] = (int32_t)(i % cells / im->grid_w);
        k->at_column[i] = (int32_t)(i % cells % im->grid_w);
    }
    return PWY_OK;
}

/* The three maps, then their patches. */
static pwy_status run_maps(const struct image *im, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                           struct image_keep *k)
{
    int64_t h = im->height, w = im->width, cells = im->grid_h * im->grid_w;
    PW_TRY(gather_pictures(im, x, n, in, &k->map[0]));
    for (int i = 0; i < BLOCKS; i++) PW_TRY(run_block(im, x, i, n, &h, &w, k));
    PW_NEED(k->patches = pw_arena_take(x->arena, (size_t)n * (size_t)cells * PATCH + 1, sizeof(real)));
    move_patches(im, n, k->map[BLOCKS], k->patches, true);
    return place_patches(im, x, n * (int)cells, k);
}

static pwy_status image_forward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                real *rows, real *wide, void **keep)
{
    const struct image *im = s->state;
    int tokens = n * (int)(im->grid_h * im->grid_w);
    struct image_keep *k;
    PW_NEED(k = pw_arena_zero(x->arena, 1, sizeof *k));
    PW_TRY(run_maps(im, x, n, in, k));
    PW_TRY(pw_project_rows(x, &im->patch, tokens, k->patches, rows, &k->project));
    if (wide != NULL && s->wide_dense > 0) memcpy(wide, rows, (size_t)tokens * (size_t)s->d * sizeof(real));
    pw_position_add(x, im->row, tokens, k->at_row, rows);
    pw_position_add(x, im->column, tokens, k->at_column, rows);
    if (keep != NULL) *keep = k;
    return PWY_OK;
}

static pwy_status maps_back(struct image *im, struct pw_exec *x, int n, const struct image_keep *k, real *dpatches)
{
    int64_t h[BLOCKS] = {im->height}, w[BLOCKS] = {im->width};
    real *dmap, *below = NULL;
    size_t size = (size_t)n * (size_t)(im->map_h * im->map_w) * MAP;
    for (int i = 1; i < BLOCKS; i++) h[i] = (h[i - 1] + 1) / 2, w[i] = (w[i - 1] + 1) / 2;
    PW_NEED(dmap = pw_arena_zero(x->arena, size + 1, sizeof(real)));
    move_patches(im, n, dmap, dpatches, false);
    for (int i = BLOCKS - 1; i >= 0; i--, dmap = below) {
        const struct pw_conv_block *b = &im->block[i];
        size = (size_t)n * (size_t)(h[i] * w[i]) * (size_t)b->c_in;
        below = NULL;
        if (i > 0) PW_NEED(below = pw_arena_zero(x->arena, size, sizeof(real)));
        PW_TRY(pw_conv_block_back(x, b, n, (int)h[i], (int)w[i], k->map[i], k->conv[i], dmap, below));
    }
    return PWY_OK;
}

static pwy_status image_backward(const struct pw_sense *s, struct pw_exec *x, int n, const struct pw_encoded *const *in,
                                 void *keep, const real *drows, const real *dwide)
{
    struct image *im = s->state;
    const struct image_keep *k = keep;
    int tokens = n * (int)(im->grid_h * im->grid_w);
    size_t size = (size_t)tokens * (size_t)s->d;
    real *dout, *dpatches;
    (void)in;
    PW_NEED(dout = pw_arena_take(x->arena, size + 1, sizeof(real)));
    PW_NEED(dpatches = pw_arena_zero(x->arena, (size_t)tokens * PATCH + 1, sizeof(real)));
    memcpy(dout, drows, size * sizeof(real));
    if (dwide != NULL && s->wide_dense > 0)
        for (int i = 0; i < tokens; i++) x->kern->add(s->d, dwide + (size_t)i * (size_t)s->d,
                                                      dout + (size_t)i * (size_t)s->d);
    pw_position_back(x, im->row, tokens, k->at_row, drows);
    pw_position_back(x, im->column, tokens, k->at_column, drows);
    PW_TRY(pw_project_back(x, &im->patch, tokens, k->patches, &k->project, dout, dpatches));
    return maps_back(im, x, n, k, dpatches);
}

const struct pw_sense_ops pw_sense_image = {
    .name = "image", .takes = PW_VALUE_IMAGE, .settings = image_settings, .sign = &pw_sign_image,
    .input = {"side", PW_PICTURE_MIN, true}, .open = image_open, .fit = image_fit, .save = image_save,
    .load = image_load, .declare = image_declare, .encode = image_encode, .forward = image_forward,
    .backward = image_backward, .close = image_close};
