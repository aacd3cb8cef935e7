/* Encoding on the pool, one pass of inference, and the scan of a source. */
#include "model/infer.h"
#include <stdlib.h>
#include <string.h>

/* --- the encoder --- */

pwy_status pw_encoder_open(struct pw_encoder *e, struct pw_pool *pool)
{
    e->pool = pool;
    e->workers = pw_pool_workers(pool);
    PW_NEED(e->arena = pw_calloc((size_t)e->workers, sizeof *e->arena));
    for (int i = 0; i < e->workers; i++) PW_NEED(e->arena[i] = pw_arena_new());
    return PWY_OK;
}

void pw_encoder_close(struct pw_encoder *e)
{
    for (int i = 0; e->arena != NULL && i < e->workers; i++)
        if (e->arena[i] != NULL) pw_arena_free(e->arena[i]);
    free(e->arena);
    e->arena = NULL;
}

void pw_encoder_reset(struct pw_encoder *e)
{
    for (int i = 0; i < e->workers; i++) pw_arena_reset(e->arena[i]);
}

struct encode_run { struct pw_encoder *e; const pwy_model *m; struct pw_encode_job *job; };

static pwy_status encode_one(struct pw_encoder *e, const pwy_model *m, struct pw_encode_job *job, int worker)
{
    struct pw_rng rng = job->rng;
    return pw_item_encode(m, job->net, job->ex, job->with_target, job->augment ? &rng : NULL, e->arena[worker],
                          job->item);
}

static void encode_item(void *arg, int i, int worker)
{
    struct encode_run *run = arg;
    run->job[i].status = encode_one(run->e, run->m, &run->job[i], worker);
}

void pw_encode(struct pw_encoder *e, const pwy_model *m, struct pw_encode_job *job, int n)
{
    struct encode_run run = {e, m, job};
    pw_pool_run(e->pool, n, encode_item, &run);
}

pwy_status pw_encode_again(struct pw_encoder *e, const pwy_model *m, struct pw_encode_job *job)
{
    pwy_status status = encode_one(e, m, job, 0);
    return status == PWY_OK ? job->status : status;
}

/* --- inference --- */

static pwy_status infer_parts(struct pw_infer *f, struct pw_pool *pool, int threads)
{
    f->own_pool = pool == NULL && threads > 1;
    f->pool = pool;
    if (f->own_pool) PW_TRY(pw_pool_new(threads, &f->pool));
    PW_TRY(pw_encoder_open(&f->encoder, f->pool));
    for (int i = 0; i < PW_INFER_BATCH; i++) PW_NEED(f->ex[i] = pw_example_make());
    f->x = (struct pw_exec){.kern = f->m->ctx->kern, .pool = f->pool};
    PW_NEED(f->x.arena = pw_arena_new());
    return PWY_OK;
}

pwy_status pw_infer_open(const pwy_model *m, struct pw_pool *pool, int threads, struct pw_infer **out)
{
    struct pw_infer *f;
    pwy_status status;
    PW_NEED(f = pw_calloc(1, sizeof *f));
    f->m = m;
    status = infer_parts(f, pool, threads);
    if (status == PWY_OK) *out = f;
    else pw_infer_close(f);
    return status;
}

void pw_infer_close(struct pw_infer *f)
{
    if (f == NULL) return;
    for (int i = 0; i < PW_INFER_BATCH; i++)
        if (f->ex[i] != NULL) pw_example_release(f->ex[i]);
    if (f->x.arena != NULL) pw_arena_free(f->x.arena);
    pw_encoder_close(&f->encoder);
    if (f->own_pool) pw_pool_free(f->pool);
    free(f);
}

/* Lays out and runs the items that were encoded well; they are packed to the front. */
static pwy_status infer_pass(struct pw_infer *f, int n)
{
    f->batch = (struct pw_batch){.n = n, .item = f->item};
    f->x.flops = 0;
    PW_TRY(pw_batch_layout(&f->batch, f->x.arena));
    return pw_pass_forward(&f->pass, f->m, &f->x, &f->batch);
}

static void infer_encode(struct pw_infer *f, struct pw_net *net, const pwy_example *const *ex, int n, bool with_target)
{
    pw_arena_reset(f->x.arena);
    pw_encoder_reset(&f->encoder);
    for (int i = 0; i < n; i++)
        f->job[i] = (struct pw_encode_job){.net = net, .ex = ex[i], .with_target = with_target, .item = &f->item[i]};
    pw_encode(&f->encoder, f->m, f->job, n);
}

static pwy_status first_failure(struct pw_infer *f, int n)
{
    for (int i = 0; i < n; i++) {
        if (f->job[i].status == PWY_OK) continue;
        pwy_status status = pw_encode_again(&f->encoder, f->m, &f->job[i]);
        char *why = pw_strdup(pwy_error_message());
        int64_t asked = f->asked > 0 ? f->asked : n;
        if (why != NULL && asked > 1)
            pw_fail(status, "example %lld of %lld: %s", (long long)f->before + i + 1, (long long)asked, why);
        free(why);
        return pw_fail_task(f->job[i].net->task->name);
    }
    return PWY_OK;
}

pwy_status pw_infer_run(struct pw_infer *f, struct pw_net *net, const pwy_example *const *ex, int n, bool with_target)
{
    infer_encode(f, net, ex, n, with_target);
    PW_TRY(first_failure(f, n));
    return infer_pass(f, n);
}

void pw_infer_answer(const struct pw_infer *f, int i, real *scores)
{
    const struct pw_group *g = &f->pass.group[0];
    const struct pwy_task *t = g->net->task;
    double wide = f->path == PW_PATH_BOTH ? t->wide_scale : f->path == PW_PATH_WIDE;
    double trunk = f->path == PW_PATH_BOTH ? t->trunk_scale : f->path == PW_PATH_TRUNK;
    pw_group_fuse(g, i, wide, trunk, scores);
    t->head->answer(t, f->x.kern, scores);
}

/* --- a source --- */

/* One more bad row: logged with its place while there is room. */
static pwy_status bad_row(struct pw_infer *f, struct pw_net *net, const pwy_example *ex, struct pw_scan *scan)
{
    char *why = pw_strdup(pwy_error_message());
    PW_NEED(why);
    if (ex->file != NULL && strstr(why, ex->file) == NULL)
        pw_log(f->m->ctx, PWY_LOG_WARNING, "task '%s': %s:%lld: %s: row skipped", net->task->name, ex->file,
               (long long)ex->line, why);
    else pw_log(f->m->ctx, PWY_LOG_WARNING, "task '%s': %s: row skipped", net->task->name, why);
    if (++scan->bad > scan->max_bad) {
        pw_fail(PWY_E_LIMIT, "more than %lld bad rows; the last: %s", (long long)scan->max_bad, why);
        free(why);
        return pw_fail_task(net->task->name);
    }
    free(why);
    return PWY_OK;
}

static pwy_status scan_read(struct pw_infer *f, struct pw_net *net, pwy_source *source, struct pw_scan *scan,
                            int64_t at, int *n)
{
    int64_t row = scan->limit > 0 ? (int64_t)pw_permute(scan->key, (uint64_t)source->n, (uint64_t)at) : at;
    pwy_status status = pw_source_read(source, row, f->ex[*n]);
    if (status == PWY_E_DATA) return bad_row(f, net, f->ex[*n], scan);
    (*n)++;
    return status;
}

/* Packs the items that were encoded, counts those that were not. */
static pwy_status scan_encode(struct pw_infer *f, struct pw_net *net, struct pw_scan *scan, int *n)
{
    int good = 0;
    infer_encode(f, net, (const pwy_example *const *)f->ex, *n, true);
    for (int i = 0; i < *n; i++) {
        if (f->job[i].status == PWY_OK) {
            f->item[good++] = f->item[i];
            continue;
        }
        if (f->job[i].status != PWY_E_DATA && f->job[i].status != PWY_E_ARGUMENT) return first_failure(f, *n);
        pw_encode_again(&f->encoder, f->m, &f->job[i]);
        PW_TRY(bad_row(f, net, f->ex[i], scan));
    }
    *n = good;
    return PWY_OK;
}

pwy_status pw_infer_scan(struct pw_infer *f, struct pw_net *net, pwy_source *source, struct pw_scan *scan,
                         pw_use_fn use, void *arg)
{
    int64_t rows = scan->limit > 0 && scan->limit < source->n ? scan->limit : source->n;
    for (int64_t at = 0; at < rows;) {
        int n = 0;
        while (n < PW_INFER_BATCH && at < rows) PW_TRY(scan_read(f, net, source, scan, at++, &n));
        PW_TRY(scan_encode(f, net, scan, &n));
        if (n == 0) continue;
        PW_TRY(infer_pass(f, n));
        PW_TRY(use(arg, f, net));
    }
    return PWY_OK;
}
