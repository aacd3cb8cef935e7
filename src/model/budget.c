/* What a task that is added may have of its own: a tenth of what a model of its own would have, or what the caller
   says. Its senses' settings are cut to that. */
#include "model/budget.h"
#include "model/which.h"
#include <string.h>

enum {
    ADAPTER = 8,                        /* width that a way is taken to have */
    LEAST_FEATURES = 256,
    OWN_VOCAB = 1024, OWN_RANK = 16,    /* of a tokenizer of a text's own, its embeddings */
    LOOKED_AT = 200                     /* texts that say whether the model's tokenizer does */
};

/* --- what a model of a task's own would have --- */

static int64_t outputs_of(const struct pwy_task *t)
{
    return t->head->reads_out ? t->head->outputs(t) : 0;
}

/* What tasks share of a sense; the embedding of texts, which a model without any has not made yet. */
static int64_t stem_size(const pwy_model *m, const char *sense, const char *stem)
{
    size_t len = strlen(stem);
    int64_t n = 0;
    if (strcmp(sense, "text") == 0) return m->shape.vocab * m->shape.d;
    for (int i = 0; i < m->params->n; i++) {
        const struct pw_param *p = m->params->list[i];
        if (strncmp(p->name, stem, len) == 0 && p->name[len] == '.') n += p->n;
    }
    return n;
}

int64_t pw_model_common(const pwy_model *m, const struct pwy_task *t)
{
    int64_t experts = 2 * m->shape.topk < m->shape.experts ? 2 * m->shape.topk : m->shape.experts;
    int64_t n = m->trunk_fixed + m->shape.layers * experts * m->expert_size;
    for (int p = 0; p < t->n_parts; p++)
        if (!pw_has_sense(t, p, t->parts[p].sense))
            n += stem_size(m, t->parts[p].sense, pw_task_stem(t, t->parts[p].sense));
    return n;
}

/* And the sparse wide paths, whole. */
static int64_t usual_size(const pwy_model *m, const struct pwy_task *t)
{
    int64_t n = pw_model_common(m, t);
    for (int p = 0; p < t->n_parts; p++) {
        const struct pw_sense_limit *limit = &pw_sense_find(t->parts[p].sense)->limit;
        if (limit->setting != NULL) n += (limit->all + limit->beside) * outputs_of(t);
    }
    return n;
}

static int64_t allowed(const pwy_model *m, const struct pwy_task *t, int64_t budget)
{
    return budget > 0 ? budget : usual_size(m, t) / 10;
}

/* The way needs nearly as much. */
int64_t pw_budget_part(const pwy_model *m, const struct pwy_task *t, int64_t budget)
{
    int64_t n = allowed(m, t, budget) / 2 / t->n_parts;
    return n > 0 ? n : 1;
}

/* --- a tokenizer of its own --- */

struct pieces { int64_t all, single; };

static pwy_status count_pieces(const pwy_tokenizer *tok, const char *text, struct pieces *c)
{
    enum { MOST = 256 };
    int32_t id[MOST];
    int64_t n, len;
    PW_TRY(pw_tok_encode(tok, text, (int64_t)strlen(text), id, MOST, &n, false));
    for (int64_t i = 0; i < n; i++) {
        pw_tok_piece(tok, id[i], &len);
        c->single += len == 1;
    }
    c->all += n;
    return PWY_OK;
}

static pwy_status look_at(const pwy_tokenizer *tok, const struct pwy_task *t, const char *part, pwy_example *ex,
                          struct pieces *c)
{
    pwy_source *s = t->source[PWY_TRAIN];
    for (int64_t i = 0; i < s->n && i < LOOKED_AT; i++) {
        pwy_status status = pw_source_read(s, (int64_t)pw_permute(2, (uint64_t)s->n, (uint64_t)i), ex);
        if (status == PWY_E_DATA) continue;
        PW_TRY(status);
        const struct pw_value *v = pw_example_find(ex, part);
        if (v != NULL && v->type == PW_VALUE_TEXT) PW_TRY(count_pieces(tok, v->text, c));
    }
    return PWY_OK;
}

/* The model's tokenizer knows too little of a text that it cuts into more single bytes than longer pieces. */
static pwy_status is_strange(const pwy_tokenizer *tok, const struct pwy_task *t, const char *part, bool *out)
{
    struct pieces c = {0};
    pwy_example *ex;
    PW_NEED(ex = pw_example_make());
    pwy_status status = look_at(tok, t, part, ex, &c);
    pw_example_release(ex);
    *out = 2 * c.single > c.all;
    return status;
}

/* Takes what it comes to off the part's numbers; one of raw bytes never was meant to know a text. */
static pwy_status give_tokenizer(const pwy_model *m, const struct pwy_task *t, struct pw_task_part *part,
                                 int64_t *numbers)
{
    enum { RAW = PW_TOK_END + 1 };
    const struct pw_vocabulary *v = pw_vocabulary_of(m, pw_task_stem(t, "text"));
    int64_t size = OWN_RANK * (OWN_VOCAB + m->shape.d);
    bool strange;
    if (strcmp(part->sense, "text") != 0 || pw_node_get(part->options, "vocab") != NULL) return PWY_OK;
    if (v == NULL || pw_tok_vocab(v->tok) <= RAW || t->head->kind == PWY_GENERATE) return PWY_OK;
    if (pw_node_get(part->options, "rank") != NULL || *numbers < 2 * size) return PWY_OK;
    PW_TRY(is_strange(v->tok, t, part->name, &strange));
    if (!strange) return PWY_OK;
    *numbers -= size;
    if (part->options == NULL) PW_NEED(part->options = pw_node_new(PW_MAP));
    PW_TRY(pw_node_put_int(part->options, "rank", OWN_RANK));
    return pw_node_put_int(part->options, "vocab", OWN_VOCAB);
}

/* --- features, and both --- */

/* Parts whose sparse wide path is whole unless it is cut down. */
static int parts_to_cut(const struct pwy_task *t)
{
    int n = 0;
    for (int p = 0; p < t->n_parts; p++) n += pw_sense_find(t->parts[p].sense)->limit.setting != NULL;
    return n;
}

/* A whole table would be most of what a task has of its own: it keeps the features that tell most. One has an output
   each, and up to two numbers that say which it is and how much it weighs. */
static pwy_status cut_part(struct pw_task_part *part, int64_t outputs, int64_t numbers)
{
    const struct pw_sense_limit *limit = &pw_sense_find(part->sense)->limit;
    if (limit->setting == NULL || pw_node_get(part->options, limit->setting) != NULL) return PWY_OK;
    int64_t most = (numbers - limit->beside * outputs) / (outputs + 2), whole = limit->all / 4;
    if (part->options == NULL) PW_NEED(part->options = pw_node_new(PW_MAP));
    if (most < LEAST_FEATURES) most = LEAST_FEATURES;
    return pw_node_put_int(part->options, limit->setting, most > whole ? whole : most);
}

/* What a way of its own has beside clones, about: routers, norms, an adapter, the head. */
static int64_t way_numbers(const pwy_model *m, const struct pwy_task *t)
{
    int64_t d = m->shape.d, each = 3 * ADAPTER * d + 2 * d + d * m->shape.experts;
    return m->shape.layers * each + 2 * d * (outputs_of(t) + 3);
}

static pwy_status cut(const pwy_model *m, const struct pwy_task *t, struct pw_task_part *part, int64_t numbers)
{
    PW_TRY(give_tokenizer(m, t, part, &numbers));
    return cut_part(part, outputs_of(t), numbers);
}

/* What is left beside its way and what tells it apart is its senses'. */
pwy_status pw_budget_cut(const pwy_model *m, struct pwy_task *t, int64_t budget)
{
    int parts = budget > 0 ? t->n_parts : parts_to_cut(t);
    int64_t which = budget > 0 ? 0 : t->n_parts * (int64_t)(PW_SIGN_BAGS * PW_WHICH_WORDS);
    int64_t numbers = allowed(m, t, budget) - which - way_numbers(m, t);
    for (int p = 0; p < t->n_parts && parts > 0; p++) PW_TRY(cut(m, t, &t->parts[p], numbers / parts));
    return PWY_OK;
}
