/* safetensors: what is written is read back the same; every kind of damage is an error that says where. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "file/file.h"
#include "suite.h"

static pwy_status to_buf(void *arg, const void *data, size_t len)
{
    return pw_buf_add(arg, data, len);
}

static pwy_status refuse(void *arg, const void *data, size_t len)
{
    (void)data;
    size_t *left = arg;
    if (len > *left)
        return pw_fail(PWY_E_IO, "full");
    *left -= len;
    return PWY_OK;
}

static float big[20000];
static const int32_t three[3] = { 1, -2, 3 };
static const double one[1] = { 2.5 };
static const struct pw_tensor sample[] = {
    { .name = "a.\"quoted\"\\", .dtype = PW_I32, .rank = 1, .shape = { 3 }, .data = three, .bytes = 12 },
    { .name = "large", .dtype = PW_F32, .rank = 2, .shape = { 100, 200 }, .data = big, .bytes = sizeof big },
    { .name = "none", .dtype = PW_F32, .rank = 2, .shape = { 0, 7 }, .data = NULL, .bytes = 0 },
    { .name = "scalar", .dtype = PW_F64, .rank = 0, .data = one, .bytes = 8 },
    { .name = "bytes", .dtype = PW_U8, .rank = 1, .shape = { 5 }, .data = "hello", .bytes = 5 }
};
enum { N_SAMPLE = sizeof sample / sizeof *sample };

static struct pw_buf write_sample(void)
{
    struct pw_buf file = { 0 };
    struct pw_node *meta = pw_node_new(PW_MAP);
    for (int i = 0; i < 20000; i++)
        big[i] = (float)i;
    ck_assert_int_eq(pw_node_put(meta, "format", pw_node_text("pathways\n1", true)), PWY_OK);
    ck_assert_int_eq(pw_tensors_write(sample, N_SAMPLE, meta, to_buf, &file), PWY_OK);
    pw_node_free(meta);
    return file;
}

/* A file of this header and n bytes of data. */
static struct pw_buf file_of(const char *header, size_t n)
{
    struct pw_buf file = { 0 };
    uint64_t len = strlen(header);
    char *zeros = calloc(n + 1, 1);
    pw_buf_add(&file, &len, 8);
    pw_buf_add(&file, header, len);
    pw_buf_add(&file, zeros, n);
    free(zeros);
    return file;
}

START_TEST(round_trip)
{
    struct pw_buf file = write_sample();
    struct pw_tensors *t;
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, "f", &t), PWY_OK);
    ck_assert_int_eq(t->n, N_SAMPLE);
    for (int i = 0; i < N_SAMPLE; i++) {
        const struct pw_tensor *got = pw_tensors_find(t, sample[i].name);
        ck_assert_ptr_nonnull(got);
        ck_assert(got->dtype == sample[i].dtype && got->rank == sample[i].rank && got->bytes == sample[i].bytes);
        ck_assert_mem_eq(got->shape, sample[i].shape, sizeof got->shape);
        if (got->bytes > 0)
            ck_assert_mem_eq(got->data, sample[i].data, got->bytes);
        ck_assert_uint_eq((size_t)((const char *)got->data - file.data) % (got->bytes >= 65536 ? 4096 : 64), 0);
    }
    ck_assert_ptr_null(pw_tensors_find(t, "__pad1"));
    ck_assert_str_eq(pw_node_get(t->metadata, "format")->text, "pathways\n1");
    pw_tensors_free(t);
    pw_buf_free(&file);
}
END_TEST

START_TEST(same_bytes)
{
    struct pw_buf a = write_sample(), b = write_sample();
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_mem_eq(a.data, b.data, a.len);
    pw_buf_free(&a);
    pw_buf_free(&b);
}
END_TEST

START_TEST(nothing_in_it)
{
    struct pw_buf file = { 0 };
    struct pw_tensors *t;
    ck_assert_int_eq(pw_tensors_write(NULL, 0, NULL, to_buf, &file), PWY_OK);
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, "f", &t), PWY_OK);
    ck_assert_int_eq(t->n, 0);
    pw_tensors_free(t);
    pw_buf_free(&file);
}
END_TEST

START_TEST(files_of_others)
{
    const char *header = "{\"x\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[1,7]},"
                         "\"b\":{\"dtype\":\"BOOL\",\"shape\":[1,1,1,1,1,1],\"data_offsets\":[0,1]}}   ";
    struct pw_buf file = file_of(header, 7);
    struct pw_tensors *t;
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, NULL, &t), PWY_OK);
    ck_assert_int_eq(t->n, 2);
    ck_assert_str_eq(t->list[0].name, "b");
    ck_assert_int_eq(t->list[0].rank, 6);
    ck_assert_str_eq(pw_dtype_name(t->list[1].dtype), "BF16");
    ck_assert(t->list[1].aligned == ((uintptr_t)t->list[1].data % 2 == 0));
    pw_tensors_free(t);
    pw_buf_free(&file);
}
END_TEST

START_TEST(damaged_headers)
{
    static const struct { const char *header; size_t data; const char *says; } bad[] = {
        { "[1]", 0, "'{'" }, { " {}", 0, "'{'" }, { "{", 0, "JSON" }, { "{}{}", 0, "JSON" }, { "{}", 4, "belong to none" },
        { "{\"x\":3}", 0, "dtype" },
        { "{\"x\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F99" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,-1],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}}", 4, "larger" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "larger" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}}", 4, "JSON" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "'x'" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "'x'" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, "the file has 4" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]}}", 3, "takes 4" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "belong to none" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"y\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}", 5, "inside" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]}}", 6, "JSON" },
        { "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "twice" },
        { "{\"x\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype" },
        { "{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype" },
        { "{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[null],\"data_offsets\":[0,4]}}", 4, "shape" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, "data_offsets" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", 4, "JSON" },
        { "{\"x\" {\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\\q\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\200\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "UTF-8" },
        { "{\"x\n\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "JSON" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],"
          "\"more\":{\"a\":[tru]}}}", 4, "JSON" },
        { "{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__" }, { "{\"__metadata__\":7}", 0, "__metadata__" }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pw_buf file = file_of(bad[i].header, bad[i].data);
        struct pw_tensors *t = NULL;
        ck_assert_msg(pw_tensors_read(file.data, file.len, "one.pathways", &t) == PWY_E_FORMAT, "%s", bad[i].header);
        ck_assert_ptr_null(t);
        ck_assert_msg(strstr(pwy_error_message(), bad[i].says) != NULL, "%s: %s", bad[i].header, pwy_error_message());
        ck_assert_ptr_nonnull(strstr(pwy_error_message(), "one.pathways"));
        pw_buf_free(&file);
    }
}
END_TEST

/* What JSON allows and few write: any order, blanks, escapes, keys that nobody knows. */
START_TEST(any_json)
{
    const char *header = "{ \"\\u00e4\\ud83d\\ude00\\/\\t\" :\n{ \"data_offsets\" : [ 0 , 4 ],\"shape\":[ ],"
                         "\"more\":{\"a\":[1,-2.5e+3,true,null,{}],\"b\":\"\\\"\"},\"dtype\":\"F32\"} ,"
                         "\"\xc3\xa4\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]}}\n";
    struct pw_buf file = file_of(header, 6);
    struct pw_tensors *t;
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, NULL, &t), PWY_OK);
    ck_assert_int_eq(t->n, 2);
    ck_assert_str_eq(t->list[0].name, "\xc3\xa4\xf0\x9f\x98\x80/\t");
    ck_assert_ptr_eq(pw_tensors_find(t, "\xc3\xa4"), &t->list[1]);
    ck_assert_ptr_null(pw_tensors_find(t, "\xc3"));
    pw_tensors_free(t);
    pw_buf_free(&file);
}
END_TEST

START_TEST(deeply_nested)
{
    struct pw_buf header = { 0 };
    struct pw_tensors *t = NULL;
    pw_buf_add(&header, "{\"x\":{\"more\":", 13);
    for (int i = 0; i < 100000; i++) pw_buf_add(&header, "[", 1);
    struct pw_buf file = file_of(header.data, 0);
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, NULL, &t), PWY_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(pwy_error_message(), "deep"));
    pw_buf_free(&header);
    pw_buf_free(&file);
}
END_TEST

/* 15,000 tensors in no order at all: each is found, and only they. */
START_TEST(many_names)
{
    enum { MANY = 15000 };
    struct pw_tensor *list = calloc(MANY, sizeof *list);
    char (*name)[24] = calloc(MANY, sizeof *name);
    struct pw_buf file = { 0 };
    struct pw_tensors *t;
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "task/%d/head.w", i * 7919 % MANY);
        list[i] = (struct pw_tensor){ .name = name[i], .dtype = PW_I32, .rank = 1, .shape = { 1 }, .data = three,
                                      .bytes = 4 };
    }
    ck_assert_int_eq(pw_tensors_write(list, MANY, NULL, to_buf, &file), PWY_OK);
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, NULL, &t), PWY_OK);
    ck_assert_int_eq(t->n, MANY);
    for (int i = 0; i < MANY; i++) ck_assert_ptr_eq(pw_tensors_find(t, name[i]), &t->list[i]);
    ck_assert_ptr_null(pw_tensors_find(t, "task/15000/head.w"));
    pw_tensors_free(t);
    pw_buf_free(&file);
    free(list);
    free(name);
}
END_TEST

/* Slices from several places are one tensor in the file; the text `digest` becomes the header's own. */
START_TEST(pieces_and_digest)
{
    static const int32_t rows[] = { 1, 2, 3, 4, 5, 6 }, more[] = { 7, 8 }, all[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    const struct pw_piece piece[] = { { rows, 3 }, { NULL, 0 }, { more, 1 } };
    struct pw_tensor x = { .name = "x", .dtype = PW_I32, .rank = 2, .shape = { 4, 2 }, .bytes = 32,
                           .piece = piece, .n_pieces = 3 };
    struct pw_buf file = { 0 };
    struct pw_node *meta = pw_node_new(PW_MAP);
    struct pw_tensors *t;
    unsigned char digest[PW_DIGEST_LEN];
    char hex[PW_DIGEST_HEX], zeros[PW_DIGEST_HEX] = { 0 };
    memset(zeros, '0', sizeof zeros - 1);
    ck_assert_int_eq(pw_node_put_text(meta, "digest", zeros), PWY_OK);
    ck_assert_int_eq(pw_tensors_write(&x, 1, meta, to_buf, &file), PWY_OK);
    ck_assert_int_eq(pw_tensors_read(file.data, file.len, NULL, &t), PWY_OK);
    ck_assert_mem_eq(t->list[0].data, all, sizeof all);
    for (int i = 0; i < 4; i++) {
        ck_assert_mem_eq(pw_tensor_slice(&x, i), all + 2 * i, 8);
        ck_assert_mem_eq(pw_tensor_slice(&t->list[0], i), all + 2 * i, 8);
    }
    ck_assert_ptr_null(pw_tensor_slice(&x, 4));
    strcpy(hex, pw_tensors_text(t, "digest"));
    ck_assert_mem_eq(file.data + t->digest_at, hex, PW_DIGEST_HEX - 1);
    memcpy(file.data + t->digest_at, zeros, PW_DIGEST_HEX - 1);
    pw_digest_of(file.data, t->header_len, digest);
    pw_digest_hex(digest, zeros);
    ck_assert_str_eq(hex, zeros);
    x.shape[0] = 5;
    x.bytes = 40;
    ck_assert_int_eq(pw_tensors_write(&x, 1, meta, to_buf, &file), PWY_E_ARGUMENT);
    pw_tensors_free(t);
    pw_node_free(meta);
    pw_buf_free(&file);
}
END_TEST

START_TEST(damaged_lengths)
{
    static const uint64_t lengths[] = { 0, 100000001, UINT64_MAX, (uint64_t)1 << 63, 99 };
    char file[64] = { 0 };
    struct pw_tensors *t = NULL;
    memset(file + 8, ' ', sizeof file - 8);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file, &lengths[i], 8);
        ck_assert_int_eq(pw_tensors_read(file, sizeof file, "f", &t), PWY_E_FORMAT);
    }
    ck_assert_int_eq(pw_tensors_read("", 0, "f", &t), PWY_E_FORMAT);
    ck_assert_int_eq(pw_tensors_read(file, 7, "f", &t), PWY_E_FORMAT);
}
END_TEST

/* The allocation has exactly the bytes, so that a sanitizer sees any read behind them. */
static pwy_status read_exactly(const char *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct pw_tensors *t = NULL;
    memcpy(copy, data, len);
    pwy_status status = pw_tensors_read(copy, len, "f", &t);
    volatile unsigned char sum = 0;
    for (int64_t i = 0; t != NULL && i < t->n; i++)
        for (size_t k = 0; k < t->list[i].bytes; k++)
            sum += ((const unsigned char *)t->list[i].data)[k];
    pw_tensors_free(t);
    free(copy);
    return status;
}

START_TEST(cut_short)
{
    struct pw_buf file = write_sample();
    for (size_t len = 0; len < file.len; len += len < 1000 ? 1 : 977)
        ck_assert_int_eq(read_exactly(file.data, len), PWY_E_FORMAT);
    pw_buf_add(&file, "x", 1);
    ck_assert_int_eq(read_exactly(file.data, file.len), PWY_E_FORMAT);
    pw_buf_free(&file);
}
END_TEST

START_TEST(mutations)
{
    struct pw_buf file = { 0 };
    struct pw_rng rng = pw_rng_at(5, 6, 0);
    ck_assert_int_eq(pw_tensors_write(sample + 2, N_SAMPLE - 2, NULL, to_buf, &file), PWY_OK);
    char *copy = malloc(file.len);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, file.data, file.len);
        for (uint64_t k = 1 + pw_rng_below(&rng, 4); k > 0; k--) {
            static const char digits[] = "0123456789-,:[]{}\"";
            size_t at = pw_rng_below(&rng, file.len < 400 ? file.len : 400);
            copy[at] = pw_rng_below(&rng, 2) ? digits[pw_rng_below(&rng, sizeof digits - 1)] : (char)pw_rng_u32(&rng);
        }
        pwy_status status = read_exactly(copy, file.len);
        ck_assert(status == PWY_OK || status == PWY_E_FORMAT);
    }
    free(copy);
    pw_buf_free(&file);
}
END_TEST

START_TEST(bad_writes)
{
    struct pw_tensor t[2] = { sample[0], sample[0] };
    struct pw_buf file = { 0 };
    ck_assert_int_eq(pw_tensors_write(t, 2, NULL, to_buf, &file), PWY_E_ARGUMENT);
    t[0].bytes = 11;
    ck_assert_int_eq(pw_tensors_write(t, 1, NULL, to_buf, &file), PWY_E_ARGUMENT);
    t[1].name = "__metadata__";
    ck_assert_int_eq(pw_tensors_write(t + 1, 1, NULL, to_buf, &file), PWY_E_ARGUMENT);
    ck_assert_uint_eq(file.len, 0);
    for (size_t room = 0; room < 600; room += 50) {
        size_t left = room;
        ck_assert_int_eq(pw_tensors_write(sample, N_SAMPLE, NULL, refuse, &left), PWY_E_IO);
    }
    pw_buf_free(&file);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        round_trip, same_bytes, nothing_in_it, files_of_others, any_json, deeply_nested, many_names, pieces_and_digest,
        damaged_headers, damaged_lengths, cut_short, mutations, bad_writes
    };
    Suite *s = suite_create("safetensors");
    TCase *c = tcase_create("safetensors");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    tcase_set_timeout(c, 60);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
