/* PNG and JPEG, written here by the same libraries: every kind of picture, and cut-off and damaged ones. */
#include "data_help.h"

#include <jpeglib.h>
#include <png.h>

#include "pathways/media.h"

static unsigned char file[1 << 16];
static size_t file_len;

static void on_write(png_structp png, png_bytep data, size_t len)
{
    (void)png;
    ck_assert_uint_le(file_len + len, sizeof file);
    memcpy(file + file_len, data, len);
    file_len += len;
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* A picture of 3 by 2 whose bytes are rows[y]. */
static void write_png(int color, int depth, int interlace, png_bytep *rows)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[2] = {{10, 20, 30}, {40, 50, 60}};
    png_byte alpha[1] = {128};
    file_len = 0;
    png_set_write_fn(png, NULL, on_write, on_flush);
    png_set_IHDR(png, info, 3, 2, depth, color, interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 2);
        png_set_tRNS(png, info, alpha, 1, NULL);
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static void write_jpeg(int channels, int components, int side)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL, row[4 * 64];
    unsigned long len = 0;
    memset(row, 200, sizeof row);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &len);
    jpeg.image_width = jpeg.image_height = (JDIMENSION)side;
    jpeg.input_components = channels;
    jpeg.in_color_space = (J_COLOR_SPACE)components;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < side; y++) {
        JSAMPROW line = row;
        row[y] = (unsigned char)(y * 3);
        jpeg_write_scanlines(&jpeg, &line, 1);
    }
    jpeg_finish_compress(&jpeg);
    ck_assert_uint_le(len, sizeof file);
    memcpy(file, out, len);
    file_len = len;
    free(out);
    jpeg_destroy_compress(&jpeg);
}

static pwy_status decode(size_t len)
{
    pw_example_clear(ex);
    return pw_decode_bytes(ctx, PW_VALUE_IMAGE, "picture", file, (int64_t)len, ex, "p");
}

static void decodes(int64_t height, int64_t width, int64_t channels)
{
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
    pwy_status status = decode(file_len);
    ck_assert_msg(status == PWY_OK, "%s", pwy_error_message());
    const struct pw_value *v = part_of(ex, "p");
    ck_assert_int_eq(v->height, height);
    ck_assert_int_eq(v->width, width);
    ck_assert_int_eq(v->channels, channels);
}

static void pixels_are(const uint8_t *want, size_t n)
{
    ck_assert_int_eq(memcmp(part_of(ex, "p")->pixels, want, n), 0);
}

START_TEST(test_png)
{
    uint8_t bytes[2][24];
    png_bytep rows[2] = {bytes[0], bytes[1]};
    for (int i = 0; i < 48; i++)
        bytes[i / 24][i % 24] = (uint8_t)(i * 5);
    for (int interlace = 0; interlace < 2; interlace++) {
        write_png(PNG_COLOR_TYPE_GRAY, 8, interlace, rows);
        decodes(2, 3, 1);
        pixels_are((uint8_t[]){0, 5, 10, 120, 125, 130}, 6);
        write_png(PNG_COLOR_TYPE_GRAY_ALPHA, 8, interlace, rows);
        decodes(2, 3, 2);
        write_png(PNG_COLOR_TYPE_RGB, 8, interlace, rows);
        decodes(2, 3, 3);
        pixels_are(bytes[0], 9);
        write_png(PNG_COLOR_TYPE_RGBA, 8, interlace, rows);
        decodes(2, 3, 4);
        pixels_are(bytes[0], 12);
    }
    write_png(PNG_COLOR_TYPE_RGBA, 16, 0, rows);
    decodes(2, 3, 4);
    ck_assert_int_eq(part_of(ex, "p")->pixels[1], 10);
    bytes[0][0] = 0xa0;
    write_png(PNG_COLOR_TYPE_GRAY, 1, 0, rows);
    decodes(2, 3, 1);
    pixels_are((uint8_t[]){255, 0, 255}, 3);
    bytes[0][0] = 0x40;
    bytes[1][0] = 0;
    write_png(PNG_COLOR_TYPE_PALETTE, 1, 0, rows);
    decodes(2, 3, 4);
    pixels_are((uint8_t[]){10, 20, 30, 128, 40, 50, 60, 255}, 8);
}
END_TEST

START_TEST(test_png_bad)
{
    uint8_t bytes[24] = {1, 2, 3};
    png_bytep rows[2] = {bytes, bytes};
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
    write_png(PNG_COLOR_TYPE_RGB, 8, 0, rows);
    ck_assert_int_eq(decode(0), PWY_E_UNSUPPORTED);
    for (size_t len = 8; len < file_len; len++) {
        ck_assert_int_eq(decode(len), PWY_E_FORMAT);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "picture"));
    }
    for (size_t at = 8; at < file_len - 12; at++) {        /* up to the data's checksum */
        file[at] ^= 0x55;
        pwy_status status = decode(file_len);
        ck_assert_msg(status != PWY_OK || (at >= 8 && at < 12), "a damaged byte %d passes", (int)at);
        file[at] ^= 0x55;
    }
}
END_TEST

static void put_u32(unsigned char *to, uint32_t value)
{
    for (int b = 0; b < 4; b++)
        to[b] = (unsigned char)(value >> (24 - 8 * b));
}

/* The header says 20000 by 20000: refused before memory is asked for. */
START_TEST(test_png_large)
{
    uint8_t bytes[24] = {1};
    png_bytep rows[2] = {bytes, bytes};
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
    write_png(PNG_COLOR_TYPE_RGB, 8, 0, rows);
    put_u32(file + 16, 20000);
    put_u32(file + 20, 20000);
    put_u32(file + 29, (uint32_t)crc32(0, file + 12, 17));
    ck_assert_int_eq(decode(file_len), PWY_E_DATA);
    put_u32(file + 16, 0);
    put_u32(file + 29, (uint32_t)crc32(0, file + 12, 17));
    ck_assert_int_eq(decode(file_len), PWY_E_FORMAT);
}
END_TEST

START_TEST(test_jpeg)
{
    write_jpeg(3, JCS_RGB, 40);
    decodes(40, 40, 3);
    ck_assert_int_le(abs(part_of(ex, "p")->pixels[39 * 40 * 3 + 100] - 200), 8);
    write_jpeg(1, JCS_GRAYSCALE, 17);
    decodes(17, 17, 1);
    write_jpeg(4, JCS_CMYK, 16);
    decodes(16, 16, 3);
    ck_assert_int_le(abs(part_of(ex, "p")->pixels[36] - 200 * 200 / 255), 8);
}
END_TEST

START_TEST(test_jpeg_bad)
{
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
    write_jpeg(3, JCS_RGB, 64);
    for (size_t len = 3; len + 2 < file_len; len += 7) {
        ck_assert_int_eq(decode(len), PWY_E_FORMAT);
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "picture"));
    }
    for (size_t at = 3; at < file_len; at++) {             /* damage may pass unseen, but never crash */
        unsigned char had = file[at];
        file[at] = (unsigned char)~had;
        pwy_status status = decode(file_len);
        ck_assert(status == PWY_OK || status == PWY_E_FORMAT || status == PWY_E_DATA);
        file[at] = had;
    }
    ck_assert_int_eq(decode(file_len), PWY_OK);
    ck_assert_int_eq(pwy_media_register(NULL), PWY_E_ARGUMENT);
}
END_TEST

/* By way of a source: a folder of classes with a damaged picture among good ones. */
START_TEST(test_folder)
{
    ck_assert_int_eq(pwy_media_register(ctx), PWY_OK);
    write_jpeg(3, JCS_RGB, 20);
    put("d/a/1.jpg", file, file_len);
    put("d/b/2.jpg", file, file_len / 2);
    pwy_source *s = opened("{parts: {p: image}, where: d}");
    good_row(s, 0, ex);
    label_is("a");
    bad_row(s, 1, "d/b/2.jpg: part 'p'");
    pw_source_release(s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_png, test_png_bad, test_png_large, test_jpeg, test_jpeg_bad, test_folder};
    return run_tests("media", tests, sizeof tests / sizeof *tests);
}
