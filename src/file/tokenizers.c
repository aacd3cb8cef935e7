/* The tokenizers of a model's vocabularies as tensors: "pathways.tokenizer" that of "text", "pathways.tokenizer~2" that
   of "text~2". */
#include "file/model_file.h"
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "pathways.tokenizer", stem_prefix[] = "text";

static pwy_status add(struct pw_text_tensors *l, char *name, char *text)
{
    l->name[l->n] = name;
    l->text[l->n++] = text;
    return name != NULL && text != NULL ? PWY_OK : PWY_E_NOMEM;
}

pwy_status pw_tokenizer_tensors(const pwy_model *m, const pwy_model *base, struct pw_text_tensors *out)
{
    size_t n = 0;
    for (const struct pw_vocabulary *v = m->vocabulary; v != NULL; v = v->next) n++;
    PW_NEED(out->name = pw_calloc(n + 1, sizeof *out->name));
    PW_NEED(out->text = pw_calloc(n + 1, sizeof *out->text));
    for (const struct pw_vocabulary *v = m->vocabulary; v != NULL; v = v->next)
        if (base == NULL || pw_vocabulary_of(base, v->stem) == NULL)
            PW_TRY(add(out, pw_printf("%s%s", prefix, v->stem + strlen(stem_prefix)), pw_tok_json(v->tok)));
    return PWY_OK;
}

void pw_text_tensors_free(struct pw_text_tensors *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->name[i]);
        free(l->text[i]);
    }
    free(l->name);
    free(l->text);
}

static pwy_status read(pwy_model *m, const struct pw_tensor *t, const char *name)
{
    pwy_tokenizer *tok;
    char *stem;
    PW_NEED(stem = pw_printf("%s%s", stem_prefix, t->name + strlen(prefix)));
    pwy_status status = pw_tok_load(t->data, t->bytes, name, &tok);
    if (status == PWY_OK) status = pw_vocabulary_add(m, stem, tok);
    free(stem);
    return status;
}

pwy_status pw_tokenizers_read(pwy_model *m, const struct pw_tensors *tensors, const char *name)
{
    const struct pw_tensor *first = pw_tensors_find(tensors, prefix);
    if (first != NULL) PW_TRY(read(m, first, name));
    for (int64_t i = 0; i < tensors->n; i++) {
        const struct pw_tensor *t = &tensors->list[i];
        if (strncmp(t->name, prefix, strlen(prefix)) == 0 && t->name[strlen(prefix)] == '~') PW_TRY(read(m, t, name));
    }
    return PWY_OK;
}
