/* Regular expressions (PCRE2) for names of files and for lines. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/read.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct pw_regex { pcre2_code *code; pcre2_match_data *match; int groups; };

static pwy_status compile(struct pw_regex *r, const struct pw_node *pattern)
{
    int error;
    PCRE2_SIZE where;
    r->code = pcre2_compile((PCRE2_SPTR)pattern->text, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF,
                            &error, &where, NULL);
    if (r->code == NULL) {
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(error, why, sizeof why);
        return pw_node_fail(pattern, PWY_E_ARGUMENT, "pattern '%s': %s at character %zu", pattern->text, (char *)why,
                            (size_t)where + 1);
    }
    r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    if (r->match == NULL)
        return pw_fail_nomem(64);
    uint32_t groups;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    r->groups = (int)groups;
    return PWY_OK;
}

pwy_status pw_regex_new(const struct pw_node *pattern, struct pw_regex **out)
{
    if (pattern->kind != PW_SCALAR)
        return pw_node_fail(pattern, PWY_E_ARGUMENT, "a pattern is one text, a regular expression");
    struct pw_regex *r = pw_calloc(1, sizeof *r);
    PW_NEED(r);
    pwy_status status = compile(r, pattern);
    if (status != PWY_OK) {
        pw_regex_free(r);
        return status;
    }
    *out = r;
    return PWY_OK;
}

void pw_regex_free(struct pw_regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    free(r);
}

bool pw_regex_match(struct pw_regex *r, const char *text, int64_t len)
{
    return pcre2_match(r->code, (PCRE2_SPTR)text, (PCRE2_SIZE)len, 0, 0, r->match, NULL) > 0;
}

bool pw_regex_group(const struct pw_regex *r, int group, const char *text, const char **at, int64_t *len)
{
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(r->match) + 2 * group;
    if (pair[0] == PCRE2_UNSET || pair[1] < pair[0])
        return false;
    *at = text + pair[0];
    *len = (int64_t)(pair[1] - pair[0]);
    return true;
}

int pw_regex_groups(const struct pw_regex *r)
{
    return r->groups;
}

const char *pw_regex_name(const struct pw_regex *r, int index, int *group)
{
    uint32_t count, size;
    PCRE2_SPTR table;
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &count);
    if (index >= (int)count)
        return NULL;
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &table);
    PCRE2_SPTR entry = table + (size_t)index * size;
    *group = entry[0] << 8 | entry[1];
    return (const char *)entry + 2;
}
