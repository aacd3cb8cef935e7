/* A file's bytes into a part, by the type that is wanted. */
#include "data/read.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static pwy_status decode_text(enum pw_value_type want, const void *data, int64_t len, pwy_example *ex, const char *part)
{
    struct pw_value *value = pw_example_part(ex, part);
    PW_NEED(value);
    return want == PW_VALUE_TEXT ? pw_value_set_text(ex, value, data, len) : pw_value_set_bytes(ex, value, data, len);
}

/* The last error, and what is read without a decoder. */
static pwy_status say_built_in(enum pw_value_type want)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", pwy_error_message());
    return pw_fail(PWY_E_UNSUPPORTED, "%s%s", why, want == PW_VALUE_IMAGE ? "; PGM and PPM are built in"
                   : want == PW_VALUE_AUDIO ? "; WAV is built in" : "");
}

/* The context's decoders go first, so that a caller may replace what is built in. */
static pwy_status decode_media(pwy_context *ctx, enum pw_value_type want, const char *name, const void *data,
                               int64_t len, pwy_example *ex,
                               const char *part)
{
    const char *kind = want == PW_VALUE_IMAGE ? "image" : want == PW_VALUE_AUDIO ? "audio" : "video";
    pwy_status status = pw_decode(ctx, kind, name, data, len, ex, part);
    if (status != PWY_E_UNSUPPORTED)
        return status;
    if (want == PW_VALUE_IMAGE && pw_is_pnm(data, len))
        return pw_read_pnm(name, data, len, ex, part);
    if (want == PW_VALUE_AUDIO && pw_is_wav(data, len))
        return pw_read_wav(name, data, len, ex, part);
    return say_built_in(want);
}

static pwy_status decode_cell(pwy_example *ex, struct pw_value *value, const char *key, json_t *item)
{
    if (json_is_number(item))
        return pw_value_add_number(ex, value, key, json_number_value(item));
    if (json_is_string(item))
        return pw_value_add_cell(ex, value, key, json_string_value(item), (int64_t)json_string_length(item));
    if (json_is_boolean(item))
        return pw_value_add_cell(ex, value, key, json_is_true(item) ? "true" : "false", -1);
    if (json_is_null(item))
        return pw_value_add_cell(ex, value, key, NULL, 0);
    return pw_fail(PWY_E_DATA, "column '%s' holds a list or an object; a table takes text and numbers", key);
}

/* A table row is a JSON object, {"column": value}. */
static pwy_status decode_row(const char *name, const void *data, int64_t len, pwy_example *ex, const char *part)
{
    json_error_t error;
    json_t *row = json_loadb(data, (size_t)len, 0, &error), *item;
    const char *key;
    if (!json_is_object(row)) {
        json_decref(row);
        return pw_fail_at(PWY_E_DATA, name, 0, "a table row is a JSON object, {\"column\": value, ...}");
    }
    struct pw_value *value = pw_example_part(ex, part);
    pwy_status status = value ? PWY_OK : PWY_E_NOMEM;
    json_object_foreach(row, key, item)
        if (status == PWY_OK)
            status = decode_cell(ex, value, key, item);
    json_decref(row);
    return status;
}

pwy_status pw_decode_bytes(pwy_context *ctx, enum pw_value_type want, const char *name, const void *data, int64_t len,
                           pwy_example *ex,
                           const char *part)
{
    switch (want) {
    case PW_VALUE_TEXT:
    case PW_VALUE_BYTES: return decode_text(want, data, len, ex, part);
    case PW_VALUE_IMAGE:
    case PW_VALUE_AUDIO:
    case PW_VALUE_VIDEO: return decode_media(ctx, want, name, data, len, ex, part);
    case PW_VALUE_SERIES: return pw_series_text(ex, part, name, data, len);
    case PW_VALUE_ROW: return decode_row(name, data, len, ex, part);
    default: return pw_fail(PWY_E_ARGUMENT, "part '%s' has no sense to read '%s' by", part, name);
    }
}

pwy_status pw_decode_file(pwy_context *ctx, enum pw_value_type want, const char *path, pwy_example *ex,
                          const char *part)
{
    struct pw_mapping map;
    PW_TRY(pw_map_open(path, &map));
    pwy_status status = map.len > 0 ? pw_decode_bytes(ctx, want, path, map.data, (int64_t)map.len, ex, part)
                                    : pw_fail(PWY_E_DATA, "'%s' is empty", path);
    pw_map_close(&map);
    return status;
}
