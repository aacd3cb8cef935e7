/* A small causal language model on text, for bench/sparse.sh: sparse against dense, each token seen once.
   bench/lm tokens DOCUMENTS VOCAB OUT   trains byte-level BPE on documents (each ended by a NUL), writes the ids, 16
                                         bits each: OUT, and OUT.held, the last 2% of the documents
   bench/lm train TOKENS NAME=VALUE...   trains; a line of JSON at each evaluation. The names: `options` below.
   The order of the sequences depends on `order` alone, so that all runs of one order see the same text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/num.h"
#include "model/model.h"
#include "sys/file.h"
#include "sys/pool.h"
#include "tok/tok.h"
#include "train/train.h"

enum { SAMPLE = 64 << 20, SAMPLE_STEP = 8, HELD_SHARE = 50 };

static int fail(const char *what)
{
    fprintf(stderr, "lm: %s: %s\n", what, pwy_error_message());
    return 1;
}

/* --- tokens --- */

struct corpus { struct pw_mapping map; const char **text; int64_t *len, n; };

static pwy_status split_documents(struct corpus *c)
{
    int64_t n = 0;
    for (size_t i = 0; i < c->map.len; i++) n += c->map.data[i] == 0;
    PW_NEED(c->text = pw_calloc((size_t)n + 1, sizeof *c->text));
    PW_NEED(c->len = pw_calloc((size_t)n + 1, sizeof *c->len));
    for (const char *at = c->map.data; c->n < n; at += c->len[c->n++] + 1) {
        c->text[c->n] = at;
        c->len[c->n] = (int64_t)strlen(at);
    }
    return PWY_OK;
}

/* Every eighth document of what is trained on. */
static pwy_status train_tokenizer(const struct corpus *c, int64_t first_held, int64_t vocab, pwy_tokenizer **out)
{
    const char **text;
    int64_t *len, n = 0, bytes = 0;
    PW_NEED(text = pw_calloc((size_t)c->n + 1, sizeof *text));
    PW_NEED(len = pw_calloc((size_t)c->n + 1, sizeof *len));
    for (int64_t i = 0; i < first_held && bytes < SAMPLE; i += SAMPLE_STEP, n++) {
        text[n] = c->text[i];
        bytes += len[n] = c->len[i];
    }
    pwy_status status = pwy_tokenizer_train(text, len, n, vocab, out);
    free(text);
    free(len);
    return status;
}

struct ids { FILE *file; int32_t *id; uint16_t *small; int64_t cap, written, bytes; };

static pwy_status write_document(struct ids *w, const pwy_tokenizer *t, const char *text, int64_t len)
{
    int64_t n;
    if (len + 1 > w->cap) {
        w->cap = 2 * len + 1;
        PW_NEED(w->id = pw_realloc(w->id, (size_t)w->cap, sizeof *w->id));
        PW_NEED(w->small = pw_realloc(w->small, (size_t)w->cap, sizeof *w->small));
    }
    PW_TRY(pwy_tokenizer_encode(t, text, len, w->id, w->cap, &n));
    w->id[n++] = PW_TOK_END;
    for (int64_t i = 0; i < n; i++) w->small[i] = (uint16_t)w->id[i];
    w->written += (int64_t)fwrite(w->small, sizeof *w->small, (size_t)n, w->file);
    w->bytes += len + 1;
    return PWY_OK;
}

static pwy_status write_ids(const struct corpus *c, const pwy_tokenizer *t, int64_t from, int64_t to, const char *path)
{
    struct ids w = {.file = fopen(path, "wb")};
    pwy_status status = w.file != NULL ? PWY_OK : pw_fail(PWY_E_IO, "%s cannot be written", path);
    for (int64_t i = from; status == PWY_OK && i < to; i++) status = write_document(&w, t, c->text[i], c->len[i]);
    if (w.file != NULL && fclose(w.file) != 0) status = pw_fail(PWY_E_IO, "%s cannot be written", path);
    free(w.id);
    free(w.small);
    printf("{\"file\": \"%s\", \"documents\": %lld, \"tokens\": %lld, \"bytes_per_token\": %.4f}\n", path,
           (long long)(to - from), (long long)w.written, (double)w.bytes / (double)w.written);
    return status;
}

static int tokens(const char *documents, const char *vocab, const char *out)
{
    struct corpus c = {0};
    pwy_tokenizer *t = NULL;
    char held[4096];
    snprintf(held, sizeof held, "%s.held", out);
    if (pw_map_open(documents, &c.map) != PWY_OK || split_documents(&c) != PWY_OK) return fail(documents);
    int64_t first_held = c.n - c.n / HELD_SHARE;
    if (train_tokenizer(&c, first_held, atol(vocab), &t) != PWY_OK) return fail("tokenizer");
    if (write_ids(&c, t, first_held, c.n, held) != PWY_OK || write_ids(&c, t, 0, first_held, out) != PWY_OK)
        return fail(out);
    pwy_tokenizer_free(t);
    free(c.text);
    free(c.len);
    pw_map_close(&c.map);
    return 0;
}

/* --- train --- */

struct options {
    double d, layers, heads, kv_heads, hidden, experts, topk, shared;   /* the shape; experts 0: dense */
    double vocab, seq, batch;           /* batch: tokens of a step */
    double tokens;                      /* millions of the whole run */
    double lr, expert_lr, warmup, decay, b2, clip;
    double balance, zloss, load_memory, renormalise, sigmoid, gate_scale;
    double seed, order, evals, held;    /* held: tokens of an evaluation */
    double threads;                     /* the same numbers with any; CPU seconds then count waiting too */
};

struct option { const char *name; size_t at; double start; };
#define FIELD(name, start) {#name, offsetof(struct options, name), start}
static const struct option options[] = {
    FIELD(d, 64), FIELD(layers, 2), FIELD(heads, 4), FIELD(kv_heads, 4), FIELD(hidden, 128), FIELD(experts, 0),
    FIELD(topk, 2), FIELD(shared, 0), FIELD(vocab, 1024), FIELD(seq, 128), FIELD(batch, 2048), FIELD(tokens, 1),
    FIELD(lr, .008), FIELD(expert_lr, 1), FIELD(warmup, .05), FIELD(decay, .05), FIELD(b2, .98), FIELD(clip, 1),
    FIELD(balance, .01), FIELD(zloss, 0), FIELD(load_memory, .98), FIELD(renormalise, 1), FIELD(sigmoid, 0),
    FIELD(gate_scale, 1), FIELD(seed, 1), FIELD(order, 1), FIELD(evals, 8), FIELD(held, 131072),
    FIELD(threads, 1), {0}};

static double *value_of(struct options *o, const struct option *p)
{
    return (double *)(void *)((char *)o + p->at);
}

static bool read_option(struct options *o, const char *word)
{
    for (const struct option *p = options; p->name != NULL; p++) {
        size_t len = strlen(p->name);
        if (strncmp(word, p->name, len) != 0 || word[len] != '=') continue;
        *value_of(o, p) = atof(word + len + 1);
        return true;
    }
    fprintf(stderr, "lm: no option '%s'\n", word);
    return false;
}

struct text { struct pw_mapping map; const uint16_t *id; int64_t n; };

struct run {
    struct options o;
    struct text train, held;
    struct pw_params *params; struct pw_trunk *trunk; struct pw_param *embed;
    struct pw_adamw adamw; struct pw_exec x;
    int rows, seqs; int32_t *off, *prefix, *id, *target;
    real *weight; double *loss;
    int64_t step, steps;
    double flops, wall, cpu, sum;       /* so far, evaluations left out; sum of losses since the last line */
    int64_t summed;
};

static double clock_of(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pwy_status open_text(const char *path, struct text *t)
{
    PW_TRY(pw_map_open(path, &t->map));
    t->id = (const uint16_t *)(const void *)t->map.data;
    t->n = (int64_t)(t->map.len / sizeof *t->id);
    return PWY_OK;
}

static pwy_status make_model(struct run *r)
{
    const struct options *o = &r->o;
    struct pw_trunk_config c = {.d = (int)o->d, .layers = (int)o->layers, .heads = (int)o->heads,
                                .kv_heads = (int)o->kv_heads, .experts = (int)o->experts, .topk = (int)o->topk,
                                .hidden = (int)o->hidden, .shared = (int)o->shared, .rope_base = 10000,
                                .expert_lr = o->expert_lr,
                                .router = {.renormalise = o->renormalise != 0, .sigmoid = o->sigmoid != 0,
                                           .gate_scale = o->gate_scale, .balance = o->balance, .zloss = o->zloss,
                                           .load_memory = o->load_memory}};
    PW_NEED(r->params = pw_params_new((uint64_t)o->seed));
    PW_TRY(pw_param_declare(r->params, PW_VECTOR, PW_NORMAL, .05, 2, PW_SHAPE((int64_t)o->vocab, (int64_t)o->d),
                            &r->embed, "embed"));
    PW_TRY(pw_trunk_new(&c, r->params, &r->trunk));
    PW_TRY(pw_params_start_training(r->params));
    r->adamw = (struct pw_adamw){.b1 = .9, .b2 = o->b2, .eps = 1e-8, .decay = o->decay, .clip = o->clip};
    return pw_adamw_open(&r->adamw, r->params);
}

static pwy_status make_rows(struct run *r)
{
    size_t n = (size_t)r->rows, seqs = (size_t)r->seqs;
    PW_NEED(r->off = pw_calloc(seqs + 1, sizeof *r->off));
    PW_NEED(r->prefix = pw_calloc(seqs, sizeof *r->prefix));
    PW_NEED(r->id = pw_calloc(n, sizeof *r->id));
    PW_NEED(r->target = pw_calloc(n, sizeof *r->target));
    PW_NEED(r->weight = pw_calloc(n, sizeof *r->weight));
    PW_NEED(r->loss = pw_calloc(n, sizeof *r->loss));
    for (size_t i = 0; i <= seqs; i++) r->off[i] = (int32_t)(i * (size_t)r->o.seq);
    for (size_t i = 0; i < n; i++) r->weight[i] = (real)1 / (real)n;
    return PWY_OK;
}

static pwy_status open_run(struct run *r, const char *path)
{
    char held[4096];
    snprintf(held, sizeof held, "%s.held", path);
    PW_TRY(open_text(path, &r->train));
    PW_TRY(open_text(held, &r->held));
    r->rows = (int)r->o.batch;
    r->seqs = (int)(r->o.batch / r->o.seq);
    r->steps = (int64_t)(r->o.tokens * 1e6 / r->rows);
    if (r->rows != r->seqs * (int)r->o.seq || r->steps * r->rows > r->train.n - 1 || r->held.n <= (int64_t)r->o.held)
        return pw_fail(PWY_E_ARGUMENT, "a step of %d tokens, %lld steps, %lld held out; the text has %lld and %lld",
                       r->rows, (long long)r->steps, (long long)r->o.held, (long long)r->train.n,
                       (long long)r->held.n);
    r->x = (struct pw_exec){.train = true, .seed = (uint64_t)r->o.seed};
    PW_TRY(pw_kern_choose(NULL, &r->x.kern));
    if (r->o.threads > 1) PW_TRY(pw_pool_new((int)r->o.threads, &r->x.pool));
    PW_NEED(r->x.arena = pw_arena_new());
    PW_TRY(make_rows(r));
    return make_model(r);
}

/* Sequence s of the run's order, and the ids behind each of its rows. */
static void fill_rows(struct run *r, const struct text *t, int64_t first, uint64_t key)
{
    int seq = (int)r->o.seq;
    uint64_t n = (uint64_t)((t->n - 1) / seq);
    for (int s = 0; s < r->seqs; s++) {
        uint64_t at = (uint64_t)(first + s);
        const uint16_t *id = t->id + (int64_t)(key != 0 ? pw_permute(key, n, at) : at) * seq;
        for (int i = 0; i < seq; i++) {
            r->id[s * seq + i] = id[i];
            r->target[s * seq + i] = id[i + 1];
        }
    }
}

/* Warm-up, then a cosine down to .02. */
static double rate(const struct run *r)
{
    double share = ((double)r->step + 1) / (double)r->steps;
    if (share < r->o.warmup) return share / r->o.warmup;
    return .02 + .98 * .5 * (1 + cos(3.14159265358979 * (share - r->o.warmup) / (1 - r->o.warmup)));
}

static pwy_status forward(struct run *r, real **in, real **out, struct pw_ragged *ragged, struct pw_trunk_keep **keep)
{
    size_t size = (size_t)r->rows * (size_t)r->o.d;
    pw_arena_reset(r->x.arena);
    *ragged = (struct pw_ragged){.n_seq = r->seqs, .off = r->off, .prefix = r->prefix};
    PW_NEED(*in = pw_arena_take(r->x.arena, size, sizeof(real)));
    PW_NEED(*out = pw_arena_take(r->x.arena, size, sizeof(real)));
    PW_TRY(pw_embed(&r->x, r->rows, r->id, r->embed, *in));
    return pw_trunk_forward(r->trunk, &r->x, ragged, *in, *out, NULL, keep);
}

static pwy_status train_step(struct run *r)
{
    size_t size = (size_t)r->rows * (size_t)r->o.d;
    struct pw_ragged ragged;
    struct pw_trunk_keep *keep;
    real *in, *out, *dout, *din;
    double aux = 0, norm;
    fill_rows(r, &r->train, r->step * r->seqs, (uint64_t)r->o.order);
    r->x.step = (uint64_t)r->step;
    pw_params_zero_grad(r->params);
    PW_TRY(forward(r, &in, &out, &ragged, &keep));
    PW_NEED(dout = pw_arena_zero(r->x.arena, size, sizeof(real)));
    PW_NEED(din = pw_arena_take(r->x.arena, size, sizeof(real)));
    PW_TRY(pw_writer(&r->x, r->rows, (int)r->o.d, out, r->embed, NULL, r->target, r->weight, r->loss, dout));
    PW_TRY(pw_trunk_backward(r->trunk, &r->x, &ragged, keep, dout, din, &aux));
    PW_TRY(pw_embed_back(&r->x, r->rows, r->id, r->embed, din));
    PW_TRY(pw_adamw_step(&r->adamw, &r->x, r->o.lr * rate(r), r->step + 1, &norm));
    for (int i = 0; i < r->rows; i++) r->sum += r->loss[i];
    r->summed += r->rows;
    r->step++;
    return PWY_OK;
}

static pwy_status held_loss(struct run *r, double *mean)
{
    struct pw_ragged ragged;
    real *in, *out;
    double sum = 0;
    int64_t n = (int64_t)r->o.held / r->rows;
    r->x.train = false;
    for (int64_t i = 0; i < n; i++) {
        fill_rows(r, &r->held, i * r->seqs, 0);
        PW_TRY(forward(r, &in, &out, &ragged, NULL));
        PW_TRY(pw_writer(&r->x, r->rows, (int)r->o.d, out, r->embed, NULL, r->target, NULL, r->loss, NULL));
        for (int j = 0; j < r->rows; j++) sum += r->loss[j];
    }
    r->x.train = true;
    *mean = sum / (double)(n * r->rows);
    return PWY_OK;
}

/* The greatest expert's share over the even one, by layer. */
static void print_load(const struct run *r)
{
    printf(", \"load\": [");
    for (int i = 0; i < (int)r->o.layers; i++) {
        const double *load = pw_trunk_load(r->trunk, i);
        double most = 0;
        for (int e = 0; load != NULL && e < (int)r->o.experts; e++) most = load[e] > most ? load[e] : most;
        printf("%s%.2f", i > 0 ? ", " : "", most * r->o.experts);
    }
    printf("]");
}

static pwy_status report(struct run *r)
{
    double held, flops = r->x.flops;
    PW_TRY(held_loss(r, &held));
    r->x.flops = flops;
    printf("{\"step\": %lld, \"tokens\": %lld, \"flops\": %.6g, \"seconds\": %.2f, \"cpu\": %.2f, \"train\": %.4f, "
           "\"held\": %.4f", (long long)r->step, (long long)(r->step * r->rows), flops, r->wall, r->cpu,
           r->sum / (double)r->summed, held);
    if (r->o.experts > 0) print_load(r);
    printf("}\n");
    fflush(stdout);
    r->sum = 0;
    r->summed = 0;
    return PWY_OK;
}

static void print_options(struct run *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->params->n; i++) n += r->params->list[i]->n;
    printf("{\"kernels\": \"%s\", \"params\": %lld, \"steps\": %lld", r->x.kern->name, (long long)n,
           (long long)r->steps);
    for (const struct option *p = options; p->name != NULL; p++)
        printf(", \"%s\": %g", p->name, *value_of(&r->o, p));
    printf("}\n");
    fflush(stdout);
}

static pwy_status train(struct run *r)
{
    for (int64_t due = 1; r->step < r->steps;) {
        double wall = clock_of(CLOCK_MONOTONIC), cpu = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        PW_TRY(train_step(r));
        r->wall += clock_of(CLOCK_MONOTONIC) - wall;
        r->cpu += clock_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (r->step < (int64_t)((double)r->steps * (double)due / r->o.evals)) continue;
        PW_TRY(report(r));
        due++;
    }
    return PWY_OK;
}

static void close_run(struct run *r)
{
    pw_adamw_close(&r->adamw);
    pw_trunk_free(r->trunk);
    pw_params_free(r->params);
    pw_arena_free(r->x.arena);
    pw_pool_free(r->x.pool);
    free(r->off);
    free(r->prefix);
    free(r->id);
    free(r->target);
    free(r->weight);
    free(r->loss);
    pw_map_close(&r->train.map);
    pw_map_close(&r->held.map);
}

int main(int argc, char **argv)
{
    struct run r = {0};
    if (argc == 5 && strcmp(argv[1], "tokens") == 0) return tokens(argv[2], argv[3], argv[4]);
    if (argc < 3 || strcmp(argv[1], "train") != 0) {
        fprintf(stderr, "usage: lm tokens DOCUMENTS VOCAB OUT | lm train TOKENS NAME=VALUE...\n");
        return 2;
    }
    for (const struct option *p = options; p->name != NULL; p++) *value_of(&r.o, p) = p->start;
    for (int i = 3; i < argc; i++)
        if (!read_option(&r.o, argv[i])) return 2;
    if (open_run(&r, argv[2]) != PWY_OK) return fail(argv[2]);
    print_options(&r);
    if (train(&r) != PWY_OK) return fail("training");
    close_run(&r);
    return 0;
}
