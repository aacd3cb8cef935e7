/* tokenizer.json as Hugging Face's tokenizers write it: byte-level BPE, pieces in GPT-2's printable characters. */
#include "tok/bpe.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that print stand for themselves, the others for the characters from U+0100 on, in order. */
int pw_byte_to_char(unsigned char byte)
{
    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174)
        return byte;
    if (byte <= 32)
        return 256 + byte;
    return byte == 173 ? 256 + 67 : 256 + 33 + byte - 127;
}

static pwy_status add_char(struct pw_buf *out, int c)
{
    char utf8[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };
    char plain = (char)c;
    if (c == '"' || c == '\\')
        PW_TRY(pw_buf_add(out, "\\", 1));
    return c < 0x80 ? pw_buf_add(out, &plain, 1) : pw_buf_add(out, utf8, 2);
}

static pwy_status add_piece(struct pw_buf *out, const pwy_tokenizer *t, int32_t id)
{
    int64_t len;
    const char *piece = pw_tok_piece(t, id, &len);
    for (int64_t i = 0; i < len; i++)
        PW_TRY(add_char(out, pw_byte_to_char((unsigned char)piece[i])));
    return PWY_OK;
}

static pwy_status add_specials(struct pw_buf *out, const pwy_tokenizer *t)
{
    PW_TRY(pw_buf_printf(out, "  \"added_tokens\": ["));
    for (int64_t i = 0; i < t->n_specials; i++) {
        PW_TRY(pw_buf_printf(out, "%s\n    {\"id\": %d, \"content\": ", i > 0 ? "," : "", t->specials[i].id));
        PW_TRY(pw_buf_add_json(out, t->specials[i].text));
        PW_TRY(pw_buf_printf(out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                                  "\"normalized\": false, \"special\": true}"));
    }
    return pw_buf_printf(out, "%s],\n", t->n_specials > 0 ? "\n  " : "");
}

/* GPT-2's pattern is ByteLevel's own; any other stands in a Split before it. */
static pwy_status add_splitter(struct pw_buf *out, const pwy_tokenizer *t)
{
    static const char level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": %s, \"trim_offsets\": true, "
                                "\"use_regex\": %s}";
    bool own = strcmp(t->pattern, pw_tok_pattern) != 0;
    PW_TRY(pw_buf_printf(out, "  \"normalizer\": null,\n  \"pre_tokenizer\": "));
    if (own) {
        PW_TRY(pw_buf_printf(out, "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": "
                                  "{\"Regex\": "));
        PW_TRY(pw_buf_add_json(out, t->pattern));
        PW_TRY(pw_buf_printf(out, "}, \"behavior\": \"Isolated\", \"invert\": false}, "));
    }
    PW_TRY(pw_buf_printf(out, level, "false", own ? "false" : "true"));
    PW_TRY(pw_buf_printf(out, "%s,\n  \"post_processor\": null,\n  \"decoder\": ", own ? "]}" : ""));
    PW_TRY(pw_buf_printf(out, level, "true", "true"));
    return pw_buf_add(out, ",\n", 2);
}

/* The text that a special id has in the vocabulary, NULL: it is none. */
static const char *special_text(const pwy_tokenizer *t, int32_t id)
{
    for (int64_t i = 0; i < t->n_specials; i++)
        if (t->specials[i].id == id)
            return t->specials[i].text;
    return NULL;
}

static pwy_status add_vocab(struct pw_buf *out, const pwy_tokenizer *t)
{
    const char *separator = "\n";
    PW_TRY(pw_buf_printf(out, "    \"vocab\": {"));
    for (int32_t id = 0; id < t->vocab; id++) {
        const char *special = t->start[id] == t->start[id + 1] ? special_text(t, id) : NULL;
        if (special == NULL && t->start[id] == t->start[id + 1])
            continue;
        PW_TRY(pw_buf_printf(out, "%s      ", separator));
        if (special != NULL) {
            PW_TRY(pw_buf_add_json(out, special));
        } else {
            PW_TRY(pw_buf_add(out, "\"", 1));
            PW_TRY(add_piece(out, t, id));
            PW_TRY(pw_buf_add(out, "\"", 1));
        }
        PW_TRY(pw_buf_printf(out, ": %d", id));
        separator = ",\n";
    }
    return pw_buf_printf(out, "\n    },\n");
}

static pwy_status add_merges(struct pw_buf *out, const pwy_tokenizer *t)
{
    PW_TRY(pw_buf_printf(out, "    \"merges\": ["));
    for (int64_t i = 0; i < t->n_merges; i++) {
        PW_TRY(pw_buf_printf(out, "%s\n      \"", i > 0 ? "," : ""));
        PW_TRY(add_piece(out, t, t->merges[i].a));
        PW_TRY(pw_buf_add(out, " ", 1));
        PW_TRY(add_piece(out, t, t->merges[i].b));
        PW_TRY(pw_buf_add(out, "\"", 1));
    }
    return pw_buf_printf(out, "%s]\n", t->n_merges > 0 ? "\n    " : "");
}

static pwy_status write_all(struct pw_buf *out, const pwy_tokenizer *t)
{
    PW_TRY(pw_buf_printf(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"));
    PW_TRY(add_specials(out, t));
    PW_TRY(add_splitter(out, t));
    PW_TRY(pw_buf_printf(out, "  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                              "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                              "\"fuse_unk\": false, \"byte_fallback\": false,\n"));
    PW_TRY(add_vocab(out, t));
    PW_TRY(add_merges(out, t));
    return pw_buf_printf(out, "  }\n}\n");
}

char *pw_tok_json(const pwy_tokenizer *t)
{
    struct pw_buf out = { 0 };
    if (write_all(&out, t) == PWY_OK)
        return out.data;
    pw_buf_free(&out);
    return NULL;
}
