/* One answer: labels by score, a number, or a text; what it cost; its line of JSON. */
#include "model/result.h"
#include <stdlib.h>
#include <string.h>

void pw_result_release(struct pwy_result *r)
{
    if (r == NULL) return;
    for (int i = 0; r->label != NULL && i < r->n; i++) free(r->label[i]);
    free(r->label);
    free(r->score);
    free(r->task);
    free(r->text);
    free(r->json);
    free(r);
}

/* Best first; equal scores in the order of the labels. */
static pwy_status rank(const struct pwy_task *t, const real *scores, int n, struct pwy_result *r)
{
    PW_NEED(r->label = pw_calloc((size_t)n + 1, sizeof *r->label));
    PW_NEED(r->score = pw_calloc((size_t)n + 1, sizeof *r->score));
    for (int i = 0; i < n; i++) {
        int at = r->n++;
        for (; at > 0 && r->score[at - 1] < (double)scores[i]; at--) {
            r->score[at] = r->score[at - 1];
            r->label[at] = r->label[at - 1];
        }
        r->score[at] = (double)scores[i];
        PW_NEED(r->label[at] = pw_strdup(t->labels.text[i]));
    }
    return PWY_OK;
}

static pwy_status answer(struct pw_infer *f, int i, struct pwy_result *r)
{
    const struct pw_net *net = f->item[i].net;
    size_t mark = pw_arena_mark(f->x.arena);
    real *scores;
    PW_NEED(scores = pw_arena_take(f->x.arena, (size_t)net->outputs + 1, sizeof(real)));
    pw_infer_answer(f, i, scores);
    if (net->task->head->kind == PWY_REGRESS) r->number = (double)scores[0];
    else PW_TRY(rank(net->task, scores, net->outputs, r));
    pw_arena_release(f->x.arena, mark);
    return PWY_OK;
}

/* --- its line --- */

static pwy_status put_scores(const struct pwy_result *r, struct pw_node *line)
{
    struct pw_node *scores;
    PW_TRY(r->n > 0 ? pw_node_put_text(line, "label", r->label[0]) : pw_node_put_word(line, "label", "null"));
    PW_TRY(pw_node_put_new(line, "scores", PW_MAP, &scores));
    for (int i = 0; i < r->n; i++) PW_TRY(pw_node_put_number(scores, r->label[i], r->score[i]));
    return PWY_OK;
}

static pwy_status fill_line(const struct pwy_result *r, struct pw_node *line)
{
    PW_TRY(pw_node_put_text(line, "task", r->task));
    if (r->text != NULL) PW_TRY(pw_node_put_text(line, "text", r->text));
    else if (!isnan(r->number)) PW_TRY(pw_node_put_number(line, "number", r->number));
    else PW_TRY(put_scores(r, line));
    PW_TRY(pw_node_put_int(line, "active_params", r->active));
    PW_TRY(pw_node_put_number(line, "flops", r->flops));
    return pw_node_put_text(line, "digest", r->digest[0] != '\0' ? r->digest : NULL);
}

static pwy_status make_json(struct pwy_result *r)
{
    struct pw_node *line;
    PW_NEED(line = pw_node_new(PW_MAP));
    pwy_status status = fill_line(r, line);
    if (status == PWY_OK) status = (r->json = pw_node_to_json(line)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_node_free(line);
    return status;
}

static pwy_status fill(struct pw_infer *f, int i, const struct pw_generate *how, struct pwy_result *r)
{
    const struct pw_item *item = &f->item[i];
    double before = f->x.flops;
    int64_t n_new;
    r->number = NAN;
    r->total = f->m->total;
    if (item->net->task->sealed && item->net->task->digest != NULL) pw_digest_hex(item->net->task->digest, r->digest);
    r->active = pw_pass_active(&f->pass, item);
    PW_NEED(r->task = pw_strdup(item->net->task->name));
    if (item->net->writes) PW_TRY(pw_generate(f->m, &f->x, item, how, &r->text, &n_new, &f->pass));
    else PW_TRY(answer(f, i, r));
    r->flops = before / f->batch.n + (f->x.flops - before);
    f->x.flops = before;
    return make_json(r);
}

pwy_status pw_result_make(struct pw_infer *f, int i, const struct pw_generate *how, struct pwy_result **out)
{
    struct pwy_result *r;
    pwy_status status;
    PW_NEED(r = pw_calloc(1, sizeof *r));
    status = fill(f, i, how, r);
    if (status == PWY_OK) *out = r;
    else pw_result_release(r);
    return status;
}
