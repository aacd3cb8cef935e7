/* Scoring a task on a source, beside the baseline, with what the answers cost. */
#include "model/infer.h"
#include <stdlib.h>
#include <string.h>

struct tally { struct pw_metric *metric; real *scores; double flops, active; double *nats; };

static pwy_status tally_writing(struct tally *t, struct pw_infer *f)
{
    PW_TRY(pw_pass_write_loss(&f->pass, t->nats));
    for (int i = 0; i < f->batch.n; i++) {
        struct pw_buf text = {0};
        pwy_status status = PWY_OK;
        for (int j = 0; status == PWY_OK && j < f->item[i].n_ids; j++) {
            int64_t len;
            const char *piece = pw_tok_piece(f->item[i].net->vocabulary->tok, f->item[i].ids[j], &len);
            status = pw_buf_add(&text, piece, (size_t)len);
        }
        if (status == PWY_OK) pw_metric_add_text(t->metric, t->nats[i], f->item[i].text_bytes, text.data);
        pw_buf_free(&text);
        PW_TRY(status);
    }
    return PWY_OK;
}

static pwy_status tally_answers(struct tally *t, struct pw_infer *f)
{
    for (int i = 0; i < f->batch.n; i++) {
        pw_infer_answer(f, i, t->scores);
        PW_TRY(pw_metric_add(t->metric, t->scores, &f->item[i].target));
    }
    return PWY_OK;
}

static pwy_status tally_batch(void *arg, struct pw_infer *f, struct pw_net *net)
{
    struct tally *t = arg;
    PW_TRY(net->writes ? tally_writing(t, f) : tally_answers(t, f));
    t->flops += f->x.flops;
    for (int i = 0; i < f->batch.n; i++) t->active += (double)pw_pass_active(&f->pass, &f->item[i]);
    return PWY_OK;
}

/* "message:text+picture:image": what an evaluation's line calls senses. */
static pwy_status senses_text(const struct pwy_task *t, struct pw_buf *out)
{
    for (int p = 0; p < t->n_parts; p++)
        PW_TRY(pw_buf_printf(out, "%s%s", p > 0 ? "+" : "", t->parts[p].sense));
    return PWY_OK;
}

static pwy_status fill_line(const struct pwy_task *t, const struct pwy_score *s, const char *senses,
                            struct pw_node *line)
{
    PW_TRY(pw_node_put_text(line, "task", t->name));
    PW_TRY(pw_node_put_text(line, "senses", senses));
    PW_TRY(pw_node_put_text(line, "metric", s->metric));
    PW_TRY(pw_node_put_flag(line, "higher_is_better", s->higher_is_better));
    PW_TRY(pw_node_put_number(line, "score", s->value));
    PW_TRY(pw_node_put_number(line, "baseline", s->baseline));
    PW_TRY(pw_node_put_int(line, "n", s->n));
    PW_TRY(pw_node_put_int(line, "bad_rows", s->bad));
    PW_TRY(pw_node_put_int(line, "active_params", s->active));
    PW_TRY(pw_node_put_int(line, "total_params", s->total));
    return pw_node_put_number(line, "flops", s->flops);
}

static pwy_status score_json(const struct pwy_task *t, struct pwy_score *s)
{
    struct pw_buf senses = {0};
    struct pw_node *line = pw_node_new(PW_MAP);
    pwy_status status = line == NULL ? PWY_E_NOMEM : senses_text(t, &senses);
    if (status == PWY_OK) status = fill_line(t, s, senses.data, line);
    if (status == PWY_OK) status = (s->json = pw_node_to_json(line)) == NULL ? PWY_E_NOMEM : PWY_OK;
    pw_buf_free(&senses);
    pw_node_free(line);
    return status;
}

static pwy_status make_score(const struct tally *t, const struct pw_infer *f, const struct pw_net *net,
                             const struct pw_scan *scan, struct pwy_score *s)
{
    s->n = pw_metric_count(t->metric);
    s->value = pw_metric_score(t->metric);
    s->baseline = pw_metric_baseline(t->metric);
    s->higher_is_better = pw_metric_higher_is_better(t->metric);
    s->bad = scan->bad;
    s->total = f->m->total;
    s->active = s->n > 0 ? (int64_t)(t->active / (double)s->n + .5) : 0;
    s->flops = s->n > 0 ? floor(t->flops / (double)s->n + .5) : 0;
    PW_NEED(s->metric = pw_strdup(pw_metric_name(t->metric)));
    return score_json(net->task, s);
}

static pwy_status run_tally(struct tally *t, struct pw_infer *f, struct pw_net *net, pwy_source *source,
                            struct pw_scan *scan, struct pwy_score *s)
{
    PW_NEED(t->scores = pw_calloc((size_t)net->outputs + 1, sizeof(real)));
    PW_NEED(t->nats = pw_calloc(PW_INFER_BATCH, sizeof *t->nats));
    PW_TRY(pw_metric_new(net->task, &t->metric));
    PW_TRY(pw_infer_scan(f, net, source, scan, tally_batch, t));
    return make_score(t, f, net, scan, s);
}

pwy_status pw_evaluate(struct pw_infer *f, struct pw_net *net, pwy_source *source, int64_t max_bad,
                       struct pwy_score **out)
{
    struct tally t = {0};
    struct pw_scan scan = {.max_bad = max_bad};
    struct pwy_score *s;
    pwy_status status;
    PW_NEED(s = pw_calloc(1, sizeof *s));
    status = run_tally(&t, f, net, source, &scan, s);
    pw_metric_free(t.metric);
    free(t.scores);
    free(t.nats);
    if (status == PWY_OK) *out = s;
    else pw_score_release(s);
    return status;
}

void pw_score_release(struct pwy_score *s)
{
    if (s == NULL) return;
    free(s->metric);
    free(s->json);
    free(s);
}
