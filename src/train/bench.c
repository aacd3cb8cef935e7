/* The reference workloads: a causal language model with tied embeddings, RMSNorm, rotary positions and SwiGLU
   experts, weights and ids random. */
#include "train/bench.h"
#include "base/num.h"
#include "route/pathway.h"
#include "route/record.h"
#include "train/train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARM = 2, PROMPT = 16, CLASSES = 4, DECODES = 5 };

struct bench_options { int64_t d, layers, heads, hidden, experts, topk, seq, batch, vocab, threads, steps, new_tokens;
    int64_t candidates, router; double capacity; bool record, recompute, pack;
    char *dtype, *file; };

#define FIELD(name, min, max) {#name, PW_OPT_INT, offsetof(struct bench_options, name), min, max}
static const struct pw_option bench_table[] = {
    FIELD(d, 8, 16384), FIELD(layers, 1, 256), FIELD(heads, 1, 256), FIELD(hidden, 1, 65536), FIELD(experts, 0, 65536),
    FIELD(topk, 1, 64), FIELD(seq, 1, 65536), FIELD(batch, 1, 65536), FIELD(vocab, CLASSES, 1 << 20),
    FIELD(threads, 1, 1024), FIELD(steps, 1, 1 << 20),
    FIELD(candidates, 0, 65536),
    {"router", PW_OPT_WORD, offsetof(struct bench_options, router), 0, 0, pw_router_all_words},
    {"capacity", PW_OPT_NUMBER, offsetof(struct bench_options, capacity), 0, 1e6},
    {"record", PW_OPT_FLAG, offsetof(struct bench_options, record), 0, 0},
    {"recompute", PW_OPT_FLAG, offsetof(struct bench_options, recompute), 0, 0},
    {"pack", PW_OPT_FLAG, offsetof(struct bench_options, pack), 0, 0},
    {"file", PW_OPT_TEXT, offsetof(struct bench_options, file), 0, 0},
    {"new", PW_OPT_INT, offsetof(struct bench_options, new_tokens), 1, 1 << 20},
    {"dtype", PW_OPT_TEXT, offsetof(struct bench_options, dtype), 0, 0}, {0}};

struct bench {
    double memory_ms, cpu_ms, first_ms;  /* cpu_ms: of all threads, the mean; first_ms: of the first prediction, from a
                                           file that is not in memory */
    struct pw_touched open, run;         /* by opening the file; by the steps that were timed, or by that prediction */
    struct pw_bench_file file;
    const char *what; struct bench_options o;
    struct pw_params *params; struct pw_trunk *trunk; struct pw_param *embed; struct pw_packed vocab;
    enum pw_form store;
    struct pw_pathway *way; const struct pw_pathway **ways;     /* NULL: no candidates; [sequences] */
    struct pw_adamw adamw; struct pw_pool *pool; struct pw_exec x; struct pw_gemm_trace *trace;
    int rows; int32_t *off, *prefix, *id, *target;
    real *weight; double *loss;
    double read_gb_s, token_bytes;       /* decode: measured, and of weights that a token reads */
    double ms, tokens, bound_ms, blas_ms, last_loss;
};

/* --- setting up --- */

static pwy_status read_options(const pwy_context *ctx, const struct pw_node *given, bool train,
                               struct bench_options *o)
{
    *o = (struct bench_options){.d = 256, .layers = 4, .heads = 8, .hidden = 512, .experts = 16, .topk = 2, .seq = 128,
                                .batch = 32, .vocab = 8192, .threads = ctx->threads, .steps = 8, .new_tokens = 128,
                                .pack = true};
    PW_TRY(pw_options_read(given, "bench", bench_table, o));
    if (train && o->dtype != NULL && strcmp(o->dtype, "f32") != 0 && strcmp(o->dtype, "bf16") != 0)
        return pw_fail(PWY_E_UNSUPPORTED, "bench: dtype '%s'; training is in f32 or bf16", o->dtype);
    if (train && o->file != NULL)
        return pw_fail(PWY_E_ARGUMENT, "bench: file '%s'; it is predict and decode that read one", o->file);
    if (o->d % o->heads != 0 || o->d / o->heads % 2 != 0)
        return pw_fail(PWY_E_ARGUMENT, "bench: d %lld does not divide into %lld heads of an even width",
                       (long long)o->d, (long long)o->heads);
    return PWY_OK;
}

static const char *dtype_of(const struct bench_options *o)
{
    return o->dtype != NULL ? o->dtype : "f32";
}

/* By name: how weights are kept at inference. */
static pwy_status read_store(struct bench *b)
{
    static const char *const names[] = {[PW_AS_REAL] = "f32", [PW_AS_BF16] = "bf16", [PW_AS_I8] = "i8"};
    for (int i = 0; i < 3; i++)
        if (strcmp(dtype_of(&b->o), names[i]) == 0) b->store = (enum pw_form)i;
    if (strcmp(dtype_of(&b->o), names[b->store]) == 0) return PWY_OK;
    return pw_fail(PWY_E_ARGUMENT, "bench: dtype '%s'; f32, bf16 and i8 would be right", b->o.dtype);
}

/* Ids drawn at random, ascending, of their own in each layer. */
static pwy_status draw_candidates(const struct bench *b, int32_t *id, const int32_t **expert, int *n)
{
    uint64_t all = (uint64_t)b->o.experts, some = (uint64_t)b->o.candidates;
    uint8_t *drawn;
    PW_NEED(drawn = pw_calloc((size_t)all + 1, 1));
    for (int64_t l = 0; l < b->o.layers; l++) {
        expert[l] = id;
        n[l] = (int)some;
        memset(drawn, 0, (size_t)all);
        for (uint64_t i = 0; i < some; i++) drawn[pw_permute((uint64_t)l + 1, all, i)] = 1;
        for (uint64_t e = 0; e < all; e++)
            if (drawn[e]) *id++ = (int32_t)e;
    }
    free(drawn);
    return PWY_OK;
}

/* All rows go one way, among few of the experts. */
static pwy_status make_way(struct bench *b)
{
    size_t layers = (size_t)b->o.layers;
    if (b->o.candidates > b->o.experts)
        return pw_fail(PWY_E_ARGUMENT, "bench: %lld candidates of %lld experts; there are not that many",
                       (long long)b->o.candidates, (long long)b->o.experts);
    int32_t *id = pw_calloc(layers * (size_t)b->o.candidates, sizeof *id);
    const int32_t **expert = pw_calloc(layers, sizeof *expert);
    int *n = pw_calloc(layers, sizeof *n);
    struct pw_way_plan plan = {.expert = expert, .n = n};
    pwy_status status = id == NULL || expert == NULL || n == NULL ? PWY_E_NOMEM : draw_candidates(b, id, expert, n);
    if (status == PWY_OK) status = pw_pathway_new(b->trunk, b->params, &plan, "task/bench", &b->way);
    free(id);
    free(expert);
    free(n);
    return status;
}

/* mapped: by the numbers of the file. */
static pwy_status make_model(struct bench *b, bool mapped)
{
    const struct bench_options *o = &b->o;
    struct pw_trunk_config c = {.d = (int)o->d, .layers = (int)o->layers, .heads = (int)o->heads,
                                .kv_heads = (int)o->heads, .experts = (int)o->experts, .topk = (int)o->topk,
                                .hidden = (int)o->hidden, .rope_base = 10000, .expert_lr = 1,
                                .router = {.renormalise = o->topk > 1, .balance = .01, .capacity = o->capacity,
                                           .policy = (enum pw_router_policy)o->router}};
    PW_NEED(b->params = pw_params_new(1));
    if (mapped) PW_TRY(pw_bench_map(o->file, b->params, &b->file));
    PW_TRY(pw_param_declare(b->params, PW_VECTOR, PW_NORMAL, .05, 2, PW_SHAPE(o->vocab, o->d), &b->embed, "embed"));
    PW_TRY(pw_trunk_new(&c, b->params, &b->trunk));
    return o->candidates > 0 ? make_way(b) : PWY_OK;
}

static pwy_status make_ids(struct bench *b)
{
    struct pw_rng rng = pw_rng_at(1, pw_hash("bench", 5), 0);
    size_t n = (size_t)b->rows, seqs = (size_t)(b->rows / b->o.seq);
    PW_NEED(b->off = pw_calloc(seqs + 1, sizeof *b->off));
    PW_NEED(b->prefix = pw_calloc(seqs, sizeof *b->prefix));
    PW_NEED(b->id = pw_calloc(n, sizeof *b->id));
    PW_NEED(b->target = pw_calloc(n, sizeof *b->target));
    PW_NEED(b->weight = pw_calloc(n, sizeof *b->weight));
    PW_NEED(b->loss = pw_calloc(n, sizeof *b->loss));
    if (b->way != NULL) PW_NEED(b->ways = pw_calloc(seqs, sizeof *b->ways));
    for (size_t i = 0; b->way != NULL && i < seqs; i++) b->ways[i] = b->way;
    for (size_t i = 0; i <= seqs; i++) b->off[i] = (int32_t)(i * (size_t)b->o.seq);
    for (size_t i = 0; i < n; i++) b->id[i] = (int32_t)pw_rng_below(&rng, (uint64_t)b->o.vocab);
    for (size_t i = 0; i < n; i++) b->target[i] = (int32_t)pw_rng_below(&rng, (uint64_t)b->o.vocab);
    for (size_t i = 0; i < n; i++) b->weight[i] = (real)1 / (real)n;
    return PWY_OK;
}

/* As a model prepared for inference has them: the trunk's matrices, packed. */
static pwy_status pack_trunk(struct bench *b)
{
    for (int i = 0; i < b->params->n; i++) {
        struct pw_param *p = b->params->list[i];
        if (pw_packs(p->name) && p->packed.at == NULL) PW_TRY(pw_param_pack(p, b->store));
    }
    return PWY_OK;
}

static void model_close(struct bench *b)
{
    pw_pathway_free(b->way);
    pw_trunk_free(b->trunk);
    pw_params_free(b->params);
    pw_bench_unmap(&b->file);
}

/* The file that a prediction is to read, where it is not there yet. */
static pwy_status write_file(const struct bench *b)
{
    struct bench made = {.o = b->o, .store = b->store};
    pwy_status status = make_model(&made, false);
    if (status == PWY_OK && b->o.pack) status = pack_trunk(&made);
    if (status == PWY_OK) status = pw_bench_write(made.params, b->o.file);
    model_close(&made);
    return status;
}

static pwy_status open_model(struct bench *b)
{
    PW_TRY(read_store(b));
    if (b->o.file == NULL) return make_model(b, false);
    if (access(b->o.file, F_OK) != 0) PW_TRY(write_file(b));
    pw_touched_begin(&b->open);
    pwy_status status = make_model(b, true);
    pw_touched_end(&b->open);
    return status;
}

static pwy_status make_engine(struct bench *b, pwy_context *ctx)
{
    bool train = strcmp(b->what, "train") == 0;
    PW_TRY(open_model(b));
    if (b->o.record && b->o.experts > 0)
        PW_TRY(pw_record_new((int)b->o.layers, (int)b->o.experts, &b->x.record));
    PW_TRY(make_ids(b));
    if (b->o.threads > 1) PW_TRY(pw_pool_new((int)b->o.threads, &b->pool));
    b->x = (struct pw_exec){.kern = ctx->kern, .pool = b->pool, .train = train, .seed = 1, .record = b->x.record,
                            .recompute = b->o.recompute,
                            .bf16 = train && strcmp(dtype_of(&b->o), "bf16") == 0};
    PW_NEED(b->x.arena = pw_arena_new());
    PW_NEED(b->trace = pw_trace_new());
    if (!train) return PWY_OK;
    if (b->way != NULL) pw_trunk_lock_routers(b->trunk);
    PW_TRY(pw_params_start_training(b->params));
    b->adamw = (struct pw_adamw){.b1 = .9, .b2 = .98, .eps = 1e-8, .decay = .05, .clip = 1};
    return pw_adamw_open(&b->adamw, b->params);
}

/* And the tied embedding. */
static pwy_status pack_weights(struct bench *b)
{
    if (b->o.pack && b->o.file == NULL) PW_TRY(pack_trunk(b));
    return pw_packed_turned(b->store, b->o.d, b->o.vocab, b->embed->w, &b->vocab);
}

/* out (n, width) = h (n, d) by the first columns of the turned embedding. */
static pwy_status by_vocabulary(struct bench *b, int n, const real *h, int width, real *out)
{
    struct pw_packed_product p = {n, (int)b->o.d, width, h, pw_packed_weights(&b->vocab), out, false};
    return pw_packed_products(&b->x, &p, 1);
}

static void bench_close(struct bench *b)
{
    pw_adamw_close(&b->adamw);
    model_close(b);
    free(b->ways);
    pw_record_release(b->x.record);
    pw_pool_free(b->pool);
    if (b->x.arena != NULL) pw_arena_free(b->x.arena);
    if (b->trace != NULL) pw_trace_free(b->trace);
    pw_packed_free(&b->vocab);
    free(b->off);
    free(b->prefix);
    free(b->id);
    free(b->target);
    free(b->weight);
    free(b->loss);
    pw_options_release(bench_table, &b->o);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, int n)
{
    qsort(list, (size_t)n, sizeof *list, by_value);
    return list[n / 2];
}

/* --- train --- */

struct act { struct pw_ragged r; real *in, *out, *dout, *din; struct pw_trunk_keep *keep; };

static pwy_status take_acts(struct bench *b, struct act *a)
{
    size_t size = (size_t)b->rows * (size_t)b->o.d;
    pw_arena_reset(b->x.arena);
    *a = (struct act){.r = {.n_seq = b->rows / (int)b->o.seq, .off = b->off, .prefix = b->prefix, .way = b->ways}};
    PW_NEED(a->in = pw_arena_take(b->x.arena, size, sizeof(real)));
    PW_NEED(a->out = pw_arena_take(b->x.arena, size, sizeof(real)));
    if (!b->x.train) return PWY_OK;
    PW_NEED(a->dout = pw_arena_zero(b->x.arena, size, sizeof(real)));
    PW_NEED(a->din = pw_arena_take(b->x.arena, size, sizeof(real)));
    return PWY_OK;
}

static pwy_status train_step(struct bench *b, int64_t step)
{
    struct act a;
    double aux = 0, norm, sum = 0;
    PW_TRY(take_acts(b, &a));
    pw_params_zero_grad(b->params);
    PW_TRY(pw_embed(&b->x, b->rows, b->id, b->embed, a.in));
    PW_TRY(pw_trunk_forward(b->trunk, &b->x, &a.r, a.in, a.out, NULL, &a.keep));
    PW_TRY(pw_writer(&b->x, b->rows, (int)b->o.d, a.out, b->embed, NULL, b->target, b->weight, b->loss, a.dout));
    PW_TRY(pw_trunk_backward(b->trunk, &b->x, &a.r, a.keep, a.dout, a.din, &aux));
    PW_TRY(pw_embed_back(&b->x, b->rows, b->id, b->embed, a.din));
    for (int i = 0; i < b->rows; i++) sum += b->loss[i];
    b->last_loss = sum / b->rows;
    return pw_adamw_step(&b->adamw, &b->x, 1e-3, step, &norm);
}

/* Steps, each followed by its own products alone and by what its optimizer moves, so that all see the same machine. */
static pwy_status run_train(struct bench *b, double *step, double *bound, double *blas, double *memory)
{
    double flops;
    for (int i = 0; i < WARM + b->o.steps; i++) {
        pw_trace_clear(b->trace);
        b->x.trace = b->trace;
        double speed, start = pw_clock();
        pw_touched_some(&b->run, i < WARM ? 0 : -1);
        PW_TRY(train_step(b, i + 1));
        pw_touched_some(&b->run, i < WARM ? 0 : 1);
        double end = pw_clock();
        int at = i < WARM ? 0 : i - WARM;
        b->x.trace = NULL;
        step[at] = end - start;
        PW_TRY(pw_trace_replay(&b->x, b->trace, &bound[at], &flops));
        PW_TRY(pw_trace_replay_blas(b->trace, (int)b->o.threads, &blas[at]));
        PW_TRY(pw_copy_speed(&b->x, &speed));
        memory[at] = pw_adamw_traffic(&b->adamw) / speed;
    }
    return PWY_OK;
}

static pwy_status bench_train(struct bench *b)
{
    size_t n = (size_t)b->o.steps;
    double *time;
    PW_NEED(time = pw_calloc(4 * n, sizeof *time));
    pwy_status status = run_train(b, time, time + n, time + 2 * n, time + 3 * n);
    if (status == PWY_OK) {
        b->ms = 1e3 * median(time, (int)n);
        b->bound_ms = 1e3 * median(time + n, (int)n);
        b->blas_ms = 1e3 * median(time + 2 * n, (int)n);
        b->memory_ms = 1e3 * median(time + 3 * n, (int)n);
        b->cpu_ms = 1e3 * b->run.cpu / (double)n;
        b->tokens = b->rows;
    }
    free(time);
    return status;
}

/* --- predict: mean of the rows against the first classes' embeddings --- */

static pwy_status predict_once(struct bench *b)
{
    struct act a;
    int d = (int)b->o.d;
    real *mean, *logits;
    PW_TRY(take_acts(b, &a));
    PW_NEED(mean = pw_arena_zero(b->x.arena, (size_t)(a.r.n_seq * d), sizeof(real)));
    PW_NEED(logits = pw_arena_take(b->x.arena, (size_t)a.r.n_seq * CLASSES, sizeof(real)));
    PW_TRY(pw_embed(&b->x, b->rows, b->id, b->embed, a.in));
    PW_TRY(pw_trunk_forward(b->trunk, &b->x, &a.r, a.in, a.out, NULL, NULL));
    for (int i = 0; i < b->rows; i++)
        b->x.kern->axpy(d, (real)1 / (real)b->o.seq, a.out + (size_t)i * (size_t)d,
                        mean + (size_t)(i / b->o.seq) * (size_t)d);
    return by_vocabulary(b, a.r.n_seq, mean, CLASSES, logits);
}

/* With nothing of the file in memory but what opening it read. */
static pwy_status predict_first(struct bench *b)
{
    pw_touched_begin(&b->run);
    double start = pw_clock();
    pwy_status status = predict_once(b);
    b->first_ms = 1e3 * (pw_clock() - start);
    pw_touched_end(&b->run);
    return status;
}

static pwy_status run_predict(struct bench *b, double *time, int n)
{
    struct pw_touched timed = {0};
    PW_TRY(predict_first(b));
    for (int i = -n / 10; i < n; i++) {
        if (i == 0) pw_touched_some(&timed, -1);
        double start = pw_clock();
        PW_TRY(predict_once(b));
        if (i >= 0) time[i] = pw_clock() - start;
    }
    pw_touched_some(&timed, 1);
    b->cpu_ms = 1e3 * timed.cpu / n;
    b->ms = 1e3 * median(time, n);
    b->tokens = b->rows;
    return PWY_OK;
}

/* --- decode: greedy, one sequence --- */

static pwy_status next_id(struct bench *b, const real *h, int32_t *id)
{
    int vocab = (int)b->o.vocab;
    real *logits;
    PW_NEED(logits = pw_arena_take(b->x.arena, (size_t)vocab, sizeof(real)));
    PW_TRY(by_vocabulary(b, 1, h, vocab, logits));
    *id = 0;
    for (int i = 1; i < vocab; i++)
        if (logits[i] > logits[*id]) *id = i;
    return PWY_OK;
}

static pwy_status decode(struct bench *b, struct pw_cache *cache, double *seconds)
{
    size_t d = (size_t)b->o.d;
    real in[PROMPT * d], out[PROMPT * d];
    int32_t id;
    pw_cache_clear(cache);
    PW_TRY(pw_embed(&b->x, PROMPT, b->id, b->embed, in));
    PW_TRY(pw_trunk_feed(b->trunk, &b->x, cache, PROMPT, 0, in, out, NULL));
    PW_TRY(next_id(b, out + (PROMPT - 1) * d, &id));
    double start = pw_clock();
    for (int i = 0; i < b->o.new_tokens; i++) {
        pw_arena_reset(b->x.arena);
        PW_TRY(pw_trunk_feed(b->trunk, &b->x, cache, 1, 0, b->embed->w + (size_t)id * d, out, NULL));
        PW_TRY(next_id(b, out, &id));
    }
    *seconds = pw_clock() - start;
    return PWY_OK;
}

/* Decoding and reading in turn, so that both see the same machine. */
static pwy_status run_decode(struct bench *b, struct pw_cache *cache, const void *memory)
{
    double time[DECODES], speed[DECODES];
    for (int i = 0; i < DECODES; i++) {
        PW_TRY(decode(b, cache, &time[i]));
        PW_TRY(pw_bench_read(&b->x, memory, &speed[i]));
    }
    b->ms = 1e3 * median(time, DECODES);
    b->tokens = (double)b->o.new_tokens;
    b->read_gb_s = 1e-9 * median(speed, DECODES);
    b->token_bytes = pw_bench_token_bytes(b->params, b->o.topk, b->o.d, b->o.vocab, b->store);
    return PWY_OK;
}

static pwy_status bench_decode(struct bench *b)
{
    struct pw_cache *cache;
    void *memory = NULL;
    PW_TRY(pw_cache_new(b->trunk, b->way, PROMPT + b->o.new_tokens, &cache));
    pwy_status status = pw_bench_memory(&memory);
    if (status == PWY_OK) status = run_decode(b, cache, memory);
    free(memory);
    pw_cache_free(cache);
    return status;
}

static pwy_status bench_predict(struct bench *b)
{
    int n = 10 * (int)b->o.steps;
    double *time;
    PW_NEED(time = pw_calloc((size_t)n, sizeof *time));
    pwy_status status = run_predict(b, time, n);
    free(time);
    return status;
}

/* --- the line --- */

static int64_t count_params(const struct bench *b)
{
    int64_t n = 0;
    for (int i = 0; i < b->params->n; i++) n += b->params->list[i]->n;
    return n;
}

static pwy_status report_memory(const struct bench *b, struct pw_buf *out)
{
    struct pw_params_bytes bytes = pw_params_bytes(b->params);
    PW_TRY(pw_buf_printf(out, ", \"weight_bytes\": %lld, \"gradient_bytes\": %lld, \"moment_bytes\": %lld, "
                         "\"activation_bytes\": %zu", (long long)bytes.weights, (long long)bytes.gradients,
                         (long long)pw_adamw_bytes(&b->adamw), pw_arena_size(b->x.arena)));
    if (b->x.train) PW_TRY(pw_buf_printf(out, ", \"memory_bound_ms\": %.3f", b->memory_ms));
    if (b->o.file != NULL)
        PW_TRY(pw_buf_printf(out, ", \"open_resident_bytes\": %lld, \"open_minor_faults\": %lld, "
                             "\"open_major_faults\": %lld", (long long)b->open.resident, (long long)b->open.minor,
                             (long long)b->open.major));
    if (strcmp(b->what, "predict") == 0)
        PW_TRY(pw_buf_printf(out, ", \"first_ms\": %.3f, \"resident_bytes\": %lld", b->first_ms,
                             (long long)b->run.resident));
    if (strcmp(b->what, "decode") == 0) return PWY_OK;
    return pw_buf_printf(out, ", \"cpu_ms\": %.3f, \"minor_faults\": %lld, \"major_faults\": %lld", b->cpu_ms,
                         (long long)b->run.minor, (long long)b->run.major);
}

static pwy_status report(const struct bench *b, struct pw_buf *out)
{
    PW_TRY(pw_buf_printf(out, "{\"bench\": \"%s\"", b->what));
    for (const struct pw_option *p = bench_table; p->name != NULL; p++)
        if (p->type == PW_OPT_INT)
            PW_TRY(pw_buf_printf(out, ", \"%s\": %lld", p->name,
                                 (long long)*(const int64_t *)(const void *)((const char *)&b->o + p->offset)));
    PW_TRY(pw_buf_printf(out, ", \"dtype\": \"%s\", \"kernels\": \"%s\", \"params\": %lld", dtype_of(&b->o),
                         b->x.kern->name, (long long)count_params(b)));
    if (b->x.bf16) PW_TRY(pw_buf_printf(out, ", \"bf16_by\": \"%s\"", pw_kern_bf16_by(b->x.kern)));
    PW_TRY(pw_buf_printf(out, ", \"ms\": %.3f, \"tok_s\": %.1f", b->ms, 1e3 * b->tokens / b->ms));
    if (b->read_gb_s > 0)
        PW_TRY(pw_buf_printf(out, ", \"read_gb_s\": %.1f, \"token_bytes\": %.0f, \"read_bound_ms\": %.3f", b->read_gb_s,
                             b->token_bytes, 1e-6 * b->token_bytes * b->tokens / b->read_gb_s));
    if (b->x.train)
        PW_TRY(pw_buf_printf(out, ", \"gemm_bound_ms\": %.3f, \"gemm_blas_ms\": %.3f, \"loss\": %.4f", b->bound_ms,
                             b->blas_ms, b->last_loss));
    PW_TRY(report_memory(b, out));
    return pw_buf_printf(out, "}");
}

static pwy_status run(struct bench *b)
{
    if (b->x.train) return bench_train(b);
    PW_TRY(pack_weights(b));
    return strcmp(b->what, "predict") == 0 ? bench_predict(b) : bench_decode(b);
}

pwy_status pw_bench(pwy_context *ctx, const char *what, const struct pw_node *options, char **json)
{
    struct bench b = {.what = what};
    struct pw_buf out = {0};
    if (strcmp(what, "train") != 0 && strcmp(what, "predict") != 0 && strcmp(what, "decode") != 0)
        return pw_fail(PWY_E_ARGUMENT, "bench: no workload '%s'; train, predict and decode would be right", what);
    PW_TRY(read_options(ctx, options, strcmp(what, "train") == 0, &b.o));
    if (strcmp(what, "decode") == 0) b.o.batch = 1;
    if (strcmp(what, "decode") == 0 && b.o.seq < PROMPT) b.o.seq = PROMPT;
    b.rows = (int)(b.o.batch * b.o.seq);
    pw_blas_enter();
    pwy_status status = make_engine(&b, ctx);
    if (status == PWY_OK) status = run(&b);
    pw_blas_leave();
    if (status == PWY_OK) status = report(&b, &out);
    bench_close(&b);
    if (status == PWY_OK) *json = out.data;
    else pw_buf_free(&out);
    return status;
}
