/* PNG by libpng: 1 to 4 channels of 8 bits; palettes are expanded, 16 bits scaled, transparency becomes alpha. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "media/codec.h"

/* All that must outlive a longjmp. */
struct reader {
    const unsigned char *data; size_t len, at;
    png_structp png; png_infop info;
    unsigned char *pixels; png_bytep *rows;
    png_uint_32 width, height;
    int channels;
    pwy_status status;                      /* what a longjmp means */
};

static void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t len)
{
    struct reader *r = png_get_io_ptr(png);
    if (len > r->len - r->at)
        png_error(png, "cut short");
    memcpy(out, r->data + r->at, len);
    r->at += len;
}

static void transform(struct reader *r)
{
    png_set_scale_16(r->png);
    png_set_expand(r->png);                 /* palette to RGB, grey to 8 bits, tRNS to alpha */
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
}

static pwy_status allocate(struct reader *r)
{
    size_t row = png_get_rowbytes(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    r->pixels = malloc(row * r->height);
    r->rows = malloc(r->height * sizeof *r->rows);
    if (r->pixels == NULL || r->rows == NULL)
        return PWY_E_NOMEM;
    for (png_uint_32 y = 0; y < r->height; y++)
        r->rows[y] = r->pixels + y * row;
    return PWY_OK;
}

/* Every error of libpng jumps back here. */
static pwy_status read_pixels(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->status;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, PW_CODEC_PIXELS, PW_CODEC_PIXELS);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    if ((uint64_t)r->width * r->height > PW_CODEC_PIXELS)
        return PWY_E_DATA;
    transform(r);
    pwy_status status = allocate(r);
    if (status != PWY_OK)
        return status;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, NULL);
    return PWY_OK;
}

pwy_status pw_png_decode(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part, void *user)
{
    struct reader r = {.data = data, .len = (size_t)len, .status = PWY_E_FORMAT};
    (void)name;
    (void)user;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    pwy_status status = r.info ? read_pixels(&r) : PWY_E_NOMEM;
    if (status == PWY_OK)
        status = pwy_example_set_image(ex, part, r.pixels, r.height, r.width, r.channels);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.pixels);
    free(r.rows);
    return status;
}
