/* Targets from text. */
#include "data/read.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <utf8proc.h>

#include "base/num.h"

pwy_status pw_answer_kind(const char *kind, enum pw_answer *out)
{
    static const char *const kinds[] = {"classify", "multilabel", "regress", "generate", NULL};
    for (int k = 0; kinds[k]; k++)
        if (kind && strcmp(kind, kinds[k]) == 0) {
            *out = (enum pw_answer)k;
            return PWY_OK;
        }
    return pw_fail(PWY_E_UNSUPPORTED, "kind '%s': readers know classify, multilabel, regress, generate", kind ? kind
                   : "");
}

static pwy_status check_utf8(const char *text, int64_t len)
{
    for (int64_t at = 0; at < len;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text + at, len - at, &point);
        if (step <= 0)
            return pw_fail(PWY_E_DATA, "the target is not UTF-8 from byte %lld on", (long long)at);
        at += step;
    }
    return PWY_OK;
}

static pwy_status set_text(pwy_example *ex, const char *text, int64_t len)
{
    PW_TRY(check_utf8(text, len));
    char *copy = pw_arena_take(ex->arena, (size_t)len + 1, 1);
    PW_NEED(copy);
    memcpy(copy, text, (size_t)len);
    copy[len] = 0;
    ex->target_text = copy;
    ex->target_type = PW_TARGET_TEXT;
    return PWY_OK;
}

static pwy_status set_number(pwy_example *ex, const char *text, int64_t len)
{
    double number;
    if (!pw_parse_double(text, (size_t)len, &number) || !isfinite(number))
        return pw_fail(PWY_E_DATA, "target '%.*s' is not a finite number", (int)(len < 80 ? len : 80), text);
    ex->number = number;
    ex->target_type = PW_TARGET_NUMBER;
    return PWY_OK;
}

static pwy_status add_label(pwy_example *ex, const char *text, int64_t len)
{
    while (len > 0 && (text[0] == ' ' || text[0] == '\t'))
        text++, len--;
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    PW_TRY(check_utf8(text, len));
    return len > 0 ? pw_example_add_label(ex, text, len) : PWY_OK;
}

static pwy_status labels_from_json(pwy_example *ex, const char *text, int64_t len)
{
    json_t *list = json_loadb(text, (size_t)len, 0, NULL);
    if (!json_is_array(list)) {
        json_decref(list);
        return pw_fail(PWY_E_DATA, "target '%.*s' is not a list of labels", (int)(len < 80 ? len : 80), text);
    }
    pwy_status status = PWY_OK;
    for (size_t i = 0; i < json_array_size(list) && status == PWY_OK; i++) {
        json_t *item = json_array_get(list, i);
        status = json_is_string(item) ? add_label(ex, json_string_value(item), (int64_t)json_string_length(item))
                                      : pw_fail(PWY_E_DATA, "label %zu of the target is not a text in quotes", i + 1);
    }
    json_decref(list);
    return status;
}

static pwy_status set_labels(pwy_example *ex, const char *text, int64_t len)
{
    ex->target_type = PW_TARGET_LABELS;
    if (len > 0 && text[0] == '[')
        return labels_from_json(ex, text, len);
    const char *end = text + len;
    for (const char *at = text; at <= end; ) {
        const char *bar = memchr(at, '|', (size_t)(end - at));
        const char *stop = bar ? bar : end;
        PW_TRY(add_label(ex, at, stop - at));
        at = stop + 1;
    }
    return PWY_OK;
}

pwy_status pw_answer_set(pwy_example *ex, enum pw_answer answer, const char *text, int64_t len)
{
    if (len == 0)
        return pw_fail(PWY_E_DATA, "the target is missing");
    if (answer == PW_ANSWER_NUMBER)
        return set_number(ex, text, len);
    if (answer == PW_ANSWER_TEXT)
        return set_text(ex, text, len);
    if (answer == PW_ANSWER_LABELS)
        return set_labels(ex, text, len);
    PW_TRY(check_utf8(text, len));
    return pw_example_add_label(ex, text, len);
}
