/* The vocabularies of a model: a tokenizer each, and the embedding that texts which are read share with those that are
   written. A model has one, "text"; merging may bring others. */
#include "model/model.h"
#include <stdlib.h>
#include <string.h>

struct pw_vocabulary *pw_vocabulary_of(const pwy_model *m, const char *stem)
{
    struct pw_vocabulary *v = m->vocabulary;
    while (v != NULL && strcmp(v->stem, stem) != 0) v = v->next;
    return v;
}

pwy_status pw_vocabulary_add(pwy_model *m, const char *stem, pwy_tokenizer *tok)
{
    struct pw_vocabulary *v = pw_calloc(1, sizeof *v), **end = &m->vocabulary;
    if (v != NULL) v->stem = pw_strdup(stem);
    if (v == NULL || v->stem == NULL) {
        free(v);
        pw_tok_release(tok);
        return PWY_E_NOMEM;
    }
    v->tok = tok;
    while (*end != NULL) end = &(*end)->next;
    *end = v;
    return PWY_OK;
}

pwy_status pw_vocabularies_copy(const pwy_model *from, pwy_model *to)
{
    for (const struct pw_vocabulary *v = from->vocabulary; v != NULL; v = v->next)
        PW_TRY(pw_vocabulary_add(to, v->stem, pw_tok_hold(v->tok)));
    return PWY_OK;
}

pwy_status pw_vocabularies_declare(pwy_model *m)
{
    if (m->vocabulary != NULL) m->shape.vocab = pw_tok_vocab(m->vocabulary->tok);
    for (struct pw_vocabulary *v = m->vocabulary; v != NULL; v = v->next)
        PW_TRY(pw_text_embedding(m->params, v->stem, v->tok, (int)m->shape.d, &v->embed));
    return PWY_OK;
}

/* In the form of the trunk's matrices. */
pwy_status pw_vocabulary_pack(const pwy_model *m, struct pw_vocabulary *v)
{
    const struct pw_param *like = pw_params_find(m->params, "trunk.0.qkv");
    if (v->packed.at != NULL) return PWY_OK;
    return pw_packed_turned(like != NULL && like->packed.at != NULL ? like->packed.store : PW_AS_REAL, m->shape.d,
                            pw_tok_vocab(v->tok), v->embed->w, &v->packed);
}

void pw_vocabularies_free(pwy_model *m)
{
    while (m->vocabulary != NULL) {
        struct pw_vocabulary *v = m->vocabulary;
        m->vocabulary = v->next;
        pw_packed_free(&v->packed);
        pw_tok_release(v->tok);
        free(v->stem);
        free(v);
    }
}
