/* JPEG by libjpeg: grey or RGB; CMYK becomes RGB. Data that ends early or cannot be decoded is an error, not grey. */
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <jerror.h>
#include <stdbool.h>

#include "media/codec.h"

/* All that must outlive a longjmp; errors comes first, so that the library's pointer to it leads here. */
struct reader {
    struct jpeg_error_mgr errors;
    jmp_buf back;
    struct jpeg_decompress_struct jpeg;
    unsigned char *pixels;
    int channels;
};

static void on_error(j_common_ptr jpeg)
{
    longjmp(((struct reader *)jpeg->err)->back, 1);
}

/* Warnings of what the library would paper over. */
static void on_message(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE
                      || code == JWRN_MUST_RESYNC))
        on_error(jpeg);
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static pwy_status start(struct reader *r, const void *data, int64_t len)
{
    jpeg_mem_src(&r->jpeg, data, (unsigned long)len);
    jpeg_read_header(&r->jpeg, TRUE);
    if ((uint64_t)r->jpeg.image_width * r->jpeg.image_height > PW_CODEC_PIXELS)
        return PWY_E_DATA;
    bool cmyk = r->jpeg.jpeg_color_space == JCS_CMYK || r->jpeg.jpeg_color_space == JCS_YCCK;
    bool grey = r->jpeg.jpeg_color_space == JCS_GRAYSCALE;
    r->jpeg.out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
    r->channels = cmyk ? 4 : grey ? 1 : 3;
    jpeg_start_decompress(&r->jpeg);
    r->pixels = malloc((size_t)r->jpeg.output_width * r->jpeg.output_height * (size_t)r->channels);
    return r->pixels ? PWY_OK : PWY_E_NOMEM;
}

/* Every error of libjpeg jumps back here. */
static pwy_status read_pixels(struct reader *r, const void *data, int64_t len)
{
    if (setjmp(r->back))
        return PWY_E_FORMAT;
    jpeg_create_decompress(&r->jpeg);
    pwy_status status = start(r, data, len);
    if (status != PWY_OK)
        return status;
    size_t row = (size_t)r->jpeg.output_width * (size_t)r->channels;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        JSAMPROW line = r->pixels + r->jpeg.output_scanline * row;
        jpeg_read_scanlines(&r->jpeg, &line, 1);
    }
    jpeg_finish_decompress(&r->jpeg);
    return PWY_OK;
}

/* In place: ink that Adobe's files hold inverted, others as it is. */
static void cmyk_to_rgb(struct reader *r)
{
    int64_t n = (int64_t)r->jpeg.output_width * r->jpeg.output_height;
    int flip = r->jpeg.saw_Adobe_marker ? 0 : 255;
    for (int64_t i = 0; i < n; i++) {
        const unsigned char *from = r->pixels + 4 * i;
        int ink[4] = {from[0] ^ flip, from[1] ^ flip, from[2] ^ flip, from[3] ^ flip};
        for (int c = 0; c < 3; c++)
            r->pixels[3 * i + c] = (unsigned char)((ink[c] * ink[3] + 127) / 255);
    }
    r->channels = 3;
}

pwy_status pw_jpeg_decode(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part,
                          void *user)
{
    struct reader *r = calloc(1, sizeof *r);
    (void)name;
    (void)user;
    if (r == NULL)
        return PWY_E_NOMEM;
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->errors.output_message = on_output;
    pwy_status status = read_pixels(r, data, len);
    if (status == PWY_OK && r->channels == 4)
        cmyk_to_rgb(r);
    if (status == PWY_OK)
        status = pwy_example_set_image(ex, part, r->pixels, r->jpeg.output_height, r->jpeg.output_width, r->channels);
    jpeg_destroy_decompress(&r->jpeg);
    free(r->pixels);
    free(r);
    return status;
}
