/* IDX files (as MNIST's), plain and gzip: arrays of any rank, big-endian. */
#include "data/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { U8 = 0x08, I8 = 0x09, I16 = 0x0b, I32 = 0x0c, F32 = 0x0d, F64 = 0x0e, MAX_RANK = 8 };

struct idx {
    struct pw_mapping map;
    int type, rank, width;                  /* width: bytes a number */
    int64_t dim[MAX_RANK];
    int64_t size;                           /* numbers an item */
    const unsigned char *data;
    double rate;                            /* of sounds */
};

static int type_width(int type)
{
    static const int widths[] = {1, 1, 0, 2, 4, 4, 8};
    return type >= U8 && type <= F64 ? widths[type - U8] : 0;
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool pw_idx_is(const char *path)
{
    unsigned char magic[4] = {1};
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return false;
    int got = gzread(file, magic, sizeof magic);
    gzclose(file);
    return got == 4 && magic[0] == 0 && magic[1] == 0 && type_width(magic[2]) > 0 && magic[3] >= 1;
}

static double number_at(const struct idx *x, int64_t at)
{
    const unsigned char *p = x->data + at * x->width;
    if (x->type == U8)
        return *p;
    if (x->type == I8)
        return (int8_t)*p;
    if (x->type == I16)
        return (int16_t)(p[0] << 8 | p[1]);
    uint32_t bits = get_u32(p);
    if (x->type == I32)
        return (int32_t)bits;
    float single;
    memcpy(&single, &bits, sizeof single);
    if (x->type == F32)
        return single;
    double number;
    uint64_t wide = (uint64_t)bits << 32 | get_u32(p + 4);
    memcpy(&number, &wide, sizeof number);
    return number;
}

static pwy_status read_header(struct idx *x, const char *path)
{
    const unsigned char *p = (const unsigned char *)x->map.data;
    x->type = p[2];
    x->rank = p[3];
    x->width = type_width(x->type);
    size_t header = 4 + 4 * (size_t)x->rank;
    if (x->rank > MAX_RANK)
        return pw_fail(PWY_E_FORMAT, "'%s' is IDX of rank %d; this reads rank 1 to %d", path, x->rank, MAX_RANK);
    if (x->map.len < header)
        return pw_fail(PWY_E_FORMAT, "'%s' is cut short: its header has %zu bytes, the file %zu", path, header,
                       x->map.len);
    x->size = 1;
    int64_t total = x->width;
    for (int d = 0; d < x->rank; d++) {
        x->dim[d] = get_u32(p + 4 + 4 * d);
        bool over = d > 0 && __builtin_mul_overflow(x->size, x->dim[d], &x->size);
        if (over || __builtin_mul_overflow(total, x->dim[d], &total) || total < 0)
            return pw_fail(PWY_E_FORMAT, "'%s': its header asks for more numbers than there can be", path);
    }
    x->data = p + header;
    if (x->map.len - header == (size_t)total)
        return PWY_OK;
    return pw_fail(PWY_E_FORMAT, "'%s' is %s: %lld bytes expected for its %lld items, %zu found", path,
                   x->map.len - header < (size_t)total ? "cut short" : "longer than its header says",
                   (long long)total + (long long)header, (long long)x->dim[0], x->map.len);
}

static pwy_status read_image(const struct idx *x, const uint8_t *data, pwy_example *ex, struct pw_value *v)
{
    return pw_value_set_image(ex, v, data, x->dim[1], x->dim[2], x->rank == 4 ? x->dim[3] : 1);
}

static pwy_status read_video(const struct idx *x, const uint8_t *data, pwy_example *ex, struct pw_value *v)
{
    return pw_value_set_video(ex, v, data, x->dim[1], x->dim[2], x->dim[3], x->rank == 5 ? x->dim[4] : 1);
}

static pwy_status read_samples(const struct idx *x, int64_t i, enum pw_value_type type, pwy_example *ex,
                               struct pw_value *v)
{
    int64_t channels = x->rank == 3 ? x->dim[2] : 1;
    double scale = type == PW_VALUE_AUDIO && x->type == I16 ? 1 / 32768.0 : 1;
    float *samples = pw_arena_take(ex->arena, (size_t)x->size, sizeof *samples);
    PW_NEED(samples);
    for (int64_t k = 0; k < x->size; k++)
        samples[k] = (float)(number_at(x, i * x->size + k) * scale);
    if (type == PW_VALUE_AUDIO)
        return pw_value_set_audio(ex, v, samples, x->dim[1], channels, x->rate);
    return pw_value_set_series(ex, v, samples, x->dim[1], channels);
}

static pwy_status read_cells(const struct idx *x, int64_t i, pwy_example *ex, struct pw_value *v)
{
    for (int64_t c = 0; c < x->size; c++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)c + 1);
        PW_TRY(pw_value_add_number(ex, v, name, number_at(x, i * x->size + c)));
    }
    return PWY_OK;
}

static pwy_status read_value(const struct idx *x, int64_t i, enum pw_value_type type, pwy_example *ex,
                             struct pw_value *v)
{
    const uint8_t *data = x->data + i * x->size * x->width;
    if (type == PW_VALUE_IMAGE)
        return read_image(x, data, ex, v);
    if (type == PW_VALUE_VIDEO)
        return read_video(x, data, ex, v);
    if (type == PW_VALUE_BYTES)
        return pw_value_set_bytes(ex, v, data, x->size);
    if (type == PW_VALUE_ROW)
        return read_cells(x, i, ex, v);
    return read_samples(x, i, type, ex, v);
}

static pwy_status read_idx(struct pw_feed *f, int64_t i, pwy_example *ex, const char *part, enum pw_value_type type)
{
    struct pw_value *v = pw_example_part(ex, part);
    PW_NEED(v);
    return pw_bad_row(read_value(f->state, i, type, ex, v), f->path, i + 1, part);
}

static pwy_status answer_idx(struct pw_feed *f, int64_t i, pwy_example *ex, enum pw_answer answer)
{
    char text[48];
    double number = number_at(f->state, i);
    bool whole = isfinite(number) && number == floor(number) && fabs(number) < 1e15;
    int len = snprintf(text, sizeof text, whole ? "%.0f" : "%.9g", number);
    return pw_bad_row(pw_answer_set(ex, answer, text, len), f->path, i + 1, NULL);
}

static void close_idx(struct pw_feed *f)
{
    struct idx *x = f->state;
    pw_map_close(&x->map);
    free(x);
}

/* Which ranks and types of numbers a part takes. */
static bool suits(const struct idx *x, enum pw_value_type type)
{
    switch (type) {
    case PW_VALUE_IMAGE: return x->type == U8 && (x->rank == 3 || (x->rank == 4 && x->dim[3] >= 1 && x->dim[3] <= 4));
    case PW_VALUE_VIDEO: return x->type == U8 && (x->rank == 4 || (x->rank == 5 && x->dim[4] >= 1 && x->dim[4] <= 4));
    case PW_VALUE_BYTES: return x->type == U8 && x->rank >= 2;
    case PW_VALUE_AUDIO: return (x->type == I16 || x->type == F32) && (x->rank == 2 || x->rank == 3);
    case PW_VALUE_SERIES: return x->rank == 2 || x->rank == 3;
    case PW_VALUE_ROW: return x->rank == 2;
    default: return false;
    }
}

static pwy_status check_part(const struct idx *x, const char *path, const struct pw_want_part *part)
{
    if (part == NULL && x->rank != 1)
        return pw_fail(PWY_E_FORMAT, "'%s' is IDX of rank %d; a target is rank 1, a number an example", path, x->rank);
    if (part && !suits(x, part->type))
        return pw_fail(PWY_E_FORMAT,
                       "'%s' is IDX of rank %d with numbers of type 0x%02x, which does not suit part '%s' (%s); "
                       "image: bytes (n, height, width[, channels]), series: (n, steps[, channels])", path, x->rank,
                       x->type, part->name, pw_value_type_name(part->type));
    return PWY_OK;
}

static pwy_status idx_load(struct idx *x, const char *path, const struct pw_want_part *part)
{
    PW_TRY(pw_map_unpacked(path, &x->map));
    PW_TRY(read_header(x, path));
    const struct pw_node *rate = part ? pw_node_get(part->options, "rate") : NULL;
    x->rate = rate && rate->kind == PW_SCALAR ? strtod(rate->text, NULL) : 16000;
    return check_part(x, path, part);
}

pwy_status pw_feed_idx(struct pw_feed *f, const struct pw_want_part *part)
{
    static const struct pw_feed_ops ops = {"idx", read_idx, answer_idx, close_idx};
    struct idx *x = pw_calloc(1, sizeof *x);
    PW_NEED(x);
    pwy_status status = idx_load(x, f->path, part);
    if (status != PWY_OK) {
        pw_map_close(&x->map);
        free(x);
        return status;
    }
    f->ops = &ops;
    f->state = x;
    f->n = x->dim[0];
    return PWY_OK;
}
