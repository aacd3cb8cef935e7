/* tokenizer.json: what it says is checked, and refused by name where this library would encode otherwise. */
#include "tok/bpe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One reading: the file's tree, and the tokenizer that grows out of it. */
struct reading {
    const char *name;                   /* of the file, for messages */
    json_t *root, *vocab, *merges, *added;      /* borrowed from root; added may be NULL */
    const char **key;                   /* [n_ids] the vocabulary by id; NULL: none, or a special */
    int64_t n_ids;
    pwy_tokenizer *t;
    bool regex;                         /* ByteLevel splits by GPT-2's pattern itself */
    const char *pattern;                /* NULL: GPT-2's */
};

static int char_to_byte(int c)
{
    if (c < 256)
        return c >= 0 && pw_byte_to_char((unsigned char)c) == c ? c : -1;
    for (int byte = 0; byte < 256; byte++)
        if (pw_byte_to_char((unsigned char)byte) == c)
            return byte;
    return -1;
}

/* The bytes that a piece's printable characters stand for. */
static pwy_status read_piece(const struct reading *r, const char *key, struct pw_buf *out)
{
    out->len = 0;
    for (const unsigned char *s = (const unsigned char *)key; *s != '\0'; s++) {
        int c = *s;
        if (c >= 0x80)
            c = (c & 0xe0) == 0xc0 ? (c & 0x1f) << 6 | (*++s & 0x3f) : -1;
        int byte = char_to_byte(c);
        if (byte < 0)
            return pw_fail_at(PWY_E_FORMAT, r->name, 0, "piece '%s' is not made of the characters that byte-level "
                              "vocabularies write bytes in", key);
        PW_TRY(pw_buf_add(out, &(char){ (char)byte }, 1));
    }
    return PWY_OK;
}

static bool is_type(const json_t *node, const char *type)
{
    const char *text = json_string_value(json_object_get(node, "type"));
    return text != NULL && strcmp(text, type) == 0;
}

static pwy_status unsupported(const struct reading *r, const char *what)
{
    return pw_fail_at(PWY_E_UNSUPPORTED, r->name, 0, "%s is not supported: byte-level BPE without normalizer is", what);
}

static pwy_status read_pre_tokenizer(struct reading *r, const json_t *node, int depth)
{
    if (is_type(node, "ByteLevel")) {
        if (json_is_true(json_object_get(node, "add_prefix_space")))
            return unsupported(r, "add_prefix_space");
        r->regex = !json_is_false(json_object_get(node, "use_regex"));
        return PWY_OK;
    }
    if (is_type(node, "Split")) {
        const json_t *pattern = json_object_get(node, "pattern");
        const char *behavior = json_string_value(json_object_get(node, "behavior"));
        r->pattern = json_string_value(json_object_get(pattern, "Regex"));
        if (r->pattern == NULL || behavior == NULL || strcmp(behavior, "Isolated") != 0
            || json_is_true(json_object_get(node, "invert")))
            return unsupported(r, "a Split that is not Isolated by a Regex");
        return PWY_OK;
    }
    const json_t *list = json_object_get(node, "pretokenizers");
    if (!is_type(node, "Sequence") || depth > 0 || json_array_size(list) > 2)
        return unsupported(r, "this pre_tokenizer");
    for (size_t i = 0; i < json_array_size(list); i++)
        PW_TRY(read_pre_tokenizer(r, json_array_get(list, i), 1));
    return PWY_OK;
}

/* What would make ids other than those of plain byte-level BPE. */
static pwy_status check_plain(struct reading *r, const json_t *model)
{
    static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    const json_t *normalizer = json_object_get(r->root, "normalizer");
    if (normalizer != NULL && !json_is_null(normalizer))
        return unsupported(r, "a normalizer");
    for (size_t i = 0; i < 2; i++)
        if (json_string_length(json_object_get(model, affixes[i])) > 0)
            return unsupported(r, affixes[i]);
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return unsupported(r, "byte_fallback");
    if (json_is_true(json_object_get(model, "ignore_merges")))
        return unsupported(r, "ignore_merges");
    if (json_object_get(model, "type") != NULL && !is_type(model, "BPE"))
        return unsupported(r, "a model that is not BPE");
    PW_TRY(read_pre_tokenizer(r, json_object_get(r->root, "pre_tokenizer"), 0));
    if (r->regex && r->pattern != NULL)
        return unsupported(r, "a Split before a ByteLevel with use_regex");
    return r->regex || r->pattern != NULL ? PWY_OK : unsupported(r, "a pre_tokenizer without a pattern");
}

static pwy_status open_tree(struct reading *r, const char *json, size_t len)
{
    json_error_t error;
    r->root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    if (r->root == NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, error.line, "not JSON: %s", error.text);
    const json_t *model = json_object_get(r->root, "model");
    r->vocab = json_object_get(model, "vocab");
    r->merges = json_object_get(model, "merges");
    r->added = json_object_get(r->root, "added_tokens");
    if (!json_is_object(r->vocab) || !json_is_array(r->merges))
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "not a tokenizer.json of BPE: model.vocab and model.merges are "
                          "missing");
    return check_plain(r, model);
}

static pwy_status check_id(const struct reading *r, const json_t *value, const char *key)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= PW_TOK_MAX)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "the id of '%s' is not a number in 0 .. %d", key, PW_TOK_MAX - 1);
    return PWY_OK;
}

static pwy_status place_key(struct reading *r, const char *key, const json_t *value)
{
    PW_TRY(check_id(r, value, key));
    int64_t id = json_integer_value(value);
    if (r->key[id] != NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "pieces '%s' and '%s' have the same id %lld", r->key[id], key,
                          (long long)id);
    r->key[id] = key;
    r->n_ids = id >= r->n_ids ? id + 1 : r->n_ids;
    return PWY_OK;
}

/* A special is taken out of the vocabulary's pieces: no text becomes it. The end is the one of that name, else the
   first. */
static pwy_status add_special(struct reading *r, const json_t *token)
{
    const char *text = json_string_value(json_object_get(token, "content"));
    if (text == NULL)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "an added token has no content");
    if (!json_is_true(json_object_get(token, "special")))
        return pw_fail_at(PWY_E_UNSUPPORTED, r->name, 0, "added token '%s' is not special: only those are read", text);
    PW_TRY(check_id(r, json_object_get(token, "id"), text));
    int32_t id = (int32_t)json_integer_value(json_object_get(token, "id"));
    if (r->key[id] != NULL && strcmp(r->key[id], text) != 0)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "added token '%s' has the id %d of piece '%s'", text, id,
                          r->key[id]);
    r->key[id] = NULL;
    r->n_ids = id >= r->n_ids ? id + 1 : r->n_ids;
    if (r->t->end < 0 || strcmp(text, pw_tok_end_text) == 0)
        r->t->end = id;
    return pw_tok_add_special(r->t, id, text);
}

static pwy_status place_keys(struct reading *r)
{
    const char *key;
    json_t *value, *token;
    size_t i;
    r->key = pw_calloc(PW_TOK_MAX, sizeof *r->key);
    PW_NEED(r->key);
    json_object_foreach(r->vocab, key, value)
        PW_TRY(place_key(r, key, value));
    json_array_foreach(r->added, i, token)
        PW_TRY(add_special(r, token));
    return PWY_OK;
}

static pwy_status add_pieces(struct reading *r, struct pw_buf *piece)
{
    for (int i = 0; i < 256; i++)
        r->t->byte_id[i] = -1;
    for (int64_t id = 0; id < r->n_ids; id++) {
        piece->len = 0;
        if (r->key[id] != NULL)
            PW_TRY(read_piece(r, r->key[id], piece));
        if (piece->len == 1)
            r->t->byte_id[(unsigned char)piece->data[0]] = (int32_t)id;
        PW_TRY(pw_tok_add_piece(r->t, piece->data, (int64_t)piece->len));
    }
    for (int i = 0; i < 256; i++)
        if (r->t->byte_id[i] < 0)
            return pw_fail_at(PWY_E_FORMAT, r->name, 0, "the vocabulary has no piece for byte %d: 256 are needed", i);
    return PWY_OK;
}

/* The id of a piece by its key; -1: not in the vocabulary, or a special. */
static int32_t find_id(const struct reading *r, const char *key)
{
    const json_t *value = json_object_get(r->vocab, key);
    if (value == NULL)
        return -1;
    int64_t id = json_integer_value(value);
    return r->key[id] != NULL ? (int32_t)id : -1;
}

/* left and right as keys; *joined gets both, with a NUL. */
static pwy_status add_merge(struct reading *r, int64_t rank, const char *left, const char *right, struct pw_buf *joined)
{
    joined->len = 0;
    PW_TRY(pw_buf_add(joined, left, strlen(left)));
    PW_TRY(pw_buf_add(joined, right, strlen(right)));
    int32_t a = find_id(r, left), b = find_id(r, right), id = find_id(r, joined->data);
    if (a < 0 || b < 0 || id < 0)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "merge %lld: '%s' is not in the vocabulary", (long long)rank,
                          a < 0 ? left : b < 0 ? right : joined->data);
    if (pw_pairs_find(&r->t->ranks, a, b) >= 0)
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "merge %lld: '%s %s' stands there twice", (long long)rank, left,
                          right);
    return pw_tok_add_merge(r->t, a, b, id);
}

/* A merge is "left right" or, in newer files, ["left", "right"]. */
static pwy_status read_merge(struct reading *r, int64_t rank, const json_t *merge, struct pw_buf *joined)
{
    const char *text = json_string_value(merge), *blank = text != NULL ? strchr(text, ' ') : NULL;
    const char *left = json_string_value(json_array_get(merge, 0)), *right = json_string_value(json_array_get(merge,
        1));
    if (blank == NULL && (left == NULL || right == NULL || json_array_size(merge) != 2))
        return pw_fail_at(PWY_E_FORMAT, r->name, 0, "merge %lld is not two pieces", (long long)rank);
    if (blank == NULL)
        return add_merge(r, rank, left, right, joined);
    char *copy = pw_strndup(text, (size_t)(blank - text));
    PW_NEED(copy);
    pwy_status status = add_merge(r, rank, copy, blank + 1, joined);
    free(copy);
    return status;
}

static pwy_status build(struct reading *r, const char *json, size_t len, struct pw_buf *scratch)
{
    json_t *merge;
    size_t rank;
    PW_TRY(open_tree(r, json, len));
    PW_TRY(pw_tok_blank(r->pattern, &r->t));
    PW_TRY(place_keys(r));
    PW_TRY(add_pieces(r, scratch));
    json_array_foreach(r->merges, rank, merge)
        PW_TRY(read_merge(r, (int64_t)rank, merge, scratch));
    return PWY_OK;
}

pwy_status pw_tok_load(const char *json, size_t len, const char *name, pwy_tokenizer **out)
{
    struct reading r = { .name = name != NULL ? name : "tokenizer.json" };
    struct pw_buf scratch = { 0 };
    pwy_status status = build(&r, json, len, &scratch);
    if (status == PWY_OK)
        *out = pw_tok_hold(r.t);
    pw_tok_release(r.t);
    pw_buf_free(&scratch);
    free(r.key);
    json_decref(r.root);
    return status;
}
