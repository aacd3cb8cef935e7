/* Grouped-query attention (Ainslie et al. 2023) over ragged sequences, forward and one row at a time.
   At inference the bits of a row depend on what it sees alone: each score is a chain over the head's width, the softmax
   runs over exactly the visible keys, and each output is a chain over these keys in their order. Training calls gemm
   and lets invisible keys take part with weight 0. Backward is in attention_back.c. */
#include "nn/attention.h"

double pw_attention_flops(const struct pw_attention *a, const struct pw_ragged *r)
{
    double cells = 0;
    for (int s = 0; s < r->n_seq; s++)
        for (int i = 0; i < r->off[s + 1] - r->off[s]; i += PW_ATTENTION_ROWS) {
            struct pw_attention_block b = pw_attention_block_at(r, s, i);
            cells += (double)(b.end - b.first) * b.keys;
        }
    return 2 * cells * a->hd * a->heads;
}

struct job {
    const struct pw_exec *x;
    const struct pw_attention *a;
    const struct pw_ragged *r;
    const struct pw_attention_keep *keep;
    int rows;
    const real *qkv;
    real *turned;                       /* inference: (kv_heads, T, hd), each sequence's keys turned to (hd, length) */
    real *scores;                       /* (workers, PW_ATTENTION_ROWS, longest) */
    real *out;
};

/* One head of one sequence. */
struct head { int s, h, len; const real *q, *k, *turned, *v; real *out; };

static struct head head_at(const struct job *j, int item)
{
    const struct pw_attention *a = j->a;
    int s = item / a->heads, h = item % a->heads, g = h / (a->heads / a->kv_heads), first = j->r->off[s];
    size_t key = ((size_t)g * j->rows + first) * a->hd;
    return (struct head){ .s = s, .h = h, .len = j->r->off[s + 1] - first,
        .q = j->keep->q + ((size_t)h * j->rows + first) * a->hd, .k = j->keep->k + key,
        .turned = j->turned == NULL ? NULL : j->turned + key,
        .v = j->qkv + (size_t)first * pw_attention_width(a) + (a->heads + a->kv_heads + g) * a->hd,
        .out = j->out + ((size_t)first * a->heads + h) * a->hd };
}

/* Every row over what it sees; the rest of it to 0. */
static void soften(const struct job *j, const struct head *head, struct pw_attention_block b, real *scores)
{
    for (int i = b.first; i < b.end; i++, scores += b.keys) {
        int seen = pw_attention_sees(j->r, head->s, i);
        j->x->kern->softmax(seen, scores, 1, scores);
        memset(scores + seen, 0, (b.keys - seen) * sizeof *scores);
    }
}

/* What all rows of the block see in one product; each row's own keys after that go on in the same chains. */
static void mix_in_order(const struct job *j, const struct head *head, struct pw_attention_block b, const real *scores)
{
    const struct pw_kern *kern = j->x->kern;
    int hd = j->a->hd, ldv = pw_attention_width(j->a), ldo = j->a->heads * hd;
    int shared = pw_attention_sees(j->r, head->s, b.first);
    real *out = head->out + (size_t)b.first * ldo;
    kern->matmul(b.end - b.first, hd, shared, scores, b.keys, head->v, ldv, out, ldo, false);
    for (int i = b.first; i < b.end; i++, scores += b.keys, out += ldo) {
        int own = pw_attention_sees(j->r, head->s, i) - shared;
        if (own > 0)
            kern->matmul(1, hd, own, scores + shared, b.keys, head->v + (size_t)shared * ldv, ldv, out, ldo, true);
    }
}

static void infer_block(const struct job *j, const struct head *head, struct pw_attention_block b, real *scores)
{
    int hd = j->a->hd;
    j->x->kern->matmul(b.end - b.first, b.keys, hd, head->q + (size_t)b.first * hd, hd, head->turned, head->len, scores,
                       b.keys, false);
    soften(j, head, b, scores);
    mix_in_order(j, head, b, scores);
}

static void train_block(const struct job *j, const struct head *head, struct pw_attention_block b, real *scores)
{
    int hd = j->a->hd, ldv = pw_attention_width(j->a), ldo = j->a->heads * hd, rows = b.end - b.first;
    j->x->kern->gemm(false, true, rows, b.keys, hd, head->q + (size_t)b.first * hd, hd, head->k, hd, 0, scores, b.keys);
    soften(j, head, b, scores);
    j->x->kern->gemm(false, false, rows, hd, b.keys, scores, b.keys, head->v, ldv, 0, head->out + (size_t)b.first * ldo,
                     ldo);
}

static void run_head(void *arg, int item, int worker)
{
    const struct job *j = arg;
    struct head head = head_at(j, item);
    real *scores = j->scores + (size_t)worker * PW_ATTENTION_ROWS * j->keep->longest;
    for (int i = 0; i < head.len; i += PW_ATTENTION_ROWS)
        (j->x->train ? train_block : infer_block)(j, &head, pw_attention_block_at(j->r, head.s, i), scores);
}

/* The keys of one kv head of one sequence, turned. */
static void turn_keys(void *arg, int item, int worker)
{
    const struct job *j = arg;
    int s = item / j->a->kv_heads, g = item % j->a->kv_heads, first = j->r->off[s], len = j->r->off[s + 1] - first;
    size_t at = ((size_t)g * j->rows + first) * j->a->hd;
    (void)worker;
    j->x->kern->transpose(len, j->a->hd, j->keep->k + at, j->a->hd, j->turned + at, len);
}

static pwy_status number_rows(struct pw_exec *x, const struct pw_ragged *r, int rows, struct pw_attention_keep *keep)
{
    int32_t *pos = pw_arena_take(x->arena, (size_t)rows + 1, sizeof *pos);
    PW_NEED(pos);
    keep->longest = 0;
    for (int s = 0; s < r->n_seq; s++) {
        int len = r->off[s + 1] - r->off[s];
        keep->longest = len > keep->longest ? len : keep->longest;
        for (int i = 0; i < len; i++)
            pos[r->off[s] + i] = i;
    }
    keep->pos = pos;
    return PWY_OK;
}

/* Positions, and rotated queries and keys. */
static pwy_status prepare(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, int rows,
                          const real *qkv, struct pw_attention_keep *keep)
{
    size_t size = (size_t)rows * a->hd;
    PW_TRY(number_rows(x, r, rows, keep));
    PW_TRY(pw_rope_tables(x, a, keep->longest, &keep->rope));
    PW_NEED(keep->q = pw_arena_take(x->arena, size * a->heads + 1, sizeof *keep->q));
    PW_NEED(keep->k = pw_arena_take(x->arena, size * a->kv_heads + 1, sizeof *keep->k));
    pw_rope_split(x, a, rows, qkv, keep);
    return PWY_OK;
}

static pwy_status run_heads(struct pw_exec *x, struct job *j)
{
    size_t scores = (size_t)pw_pool_workers(x->pool) * PW_ATTENTION_ROWS * j->keep->longest;
    PW_NEED(j->scores = pw_arena_take(x->arena, scores + 1, sizeof(real)));
    if (!x->train) {
        PW_NEED(j->turned = pw_arena_take(x->arena, (size_t)j->rows * j->a->kv_heads * j->a->hd + 1, sizeof(real)));
        pw_exec_run(x, j->r->n_seq * j->a->kv_heads, turn_keys, j);
    }
    pw_exec_run(x, j->r->n_seq * j->a->heads, run_head, j);
    return PWY_OK;
}

/* The products of one block: scores and mix, or the four of the way back. */
static int list_block(const struct pw_attention *a, struct pw_attention_block b, bool back, struct pw_product *out)
{
    int rows = b.end - b.first;
    struct pw_product scores = { .tb = true, .m = rows, .n = b.keys, .k = a->hd };
    struct pw_product mix = { .m = rows, .n = a->hd, .k = b.keys };
    struct pw_product turned = { .ta = true, .m = b.keys, .n = a->hd, .k = rows, .beta = 1 };
    out[0] = scores;
    out[1] = mix;
    out[2] = out[3] = turned;
    return back ? 4 : 2;
}

static pwy_status trace_sequence(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, int s,
                                 bool back)
{
    int len = r->off[s + 1] - r->off[s], blocks = (len + PW_ATTENTION_ROWS - 1) / PW_ATTENTION_ROWS, n = 0;
    struct pw_product *list = pw_arena_take(x->arena, (size_t)blocks * a->heads * 4 + 1, sizeof *list);
    PW_NEED(list);
    for (int h = 0; h < a->heads; h++)
        for (int i = 0; i < len; i += PW_ATTENTION_ROWS)
            n += list_block(a, pw_attention_block_at(r, s, i), back, list + n);
    return n > 0 ? pw_trace_record(x->trace, list, n) : PWY_OK;
}

pwy_status pw_attention_trace(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, bool back)
{
    size_t mark = pw_arena_mark(x->arena);
    for (int s = 0; x->trace != NULL && s < r->n_seq; s++)
        PW_TRY(trace_sequence(x, a, r, s, back));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}

pwy_status pw_attention(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r, const real *qkv,
                        real *out, struct pw_attention_keep **keep)
{
    int rows = r->n_seq > 0 ? r->off[r->n_seq] : 0;
    size_t start = pw_arena_mark(x->arena);
    struct pw_attention_keep *k = pw_arena_take(x->arena, 1, sizeof *k);
    PW_NEED(k);
    PW_TRY(prepare(x, a, r, rows, qkv, k));
    size_t mark = pw_arena_mark(x->arena);
    struct job job = { .x = x, .a = a, .r = r, .keep = k, .rows = rows, .qkv = qkv, .out = out };
    PW_TRY(run_heads(x, &job));
    x->flops += 2 * pw_attention_flops(a, r);
    PW_TRY(pw_attention_trace(x, a, r, false));
    pw_arena_release(x->arena, keep == NULL ? start : mark);
    if (keep != NULL)
        *keep = k;
    return PWY_OK;
}
