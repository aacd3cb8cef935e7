/* Backward of attention. The probabilities are made again, a block of rows at a time, instead of being kept. An item of
   work is one query head of one sequence; what heads that share keys and values have found is added up afterwards. */
#include "nn/attention.h"

struct job {
    const struct pw_exec *x;
    const struct pw_attention *a;
    const struct pw_ragged *r;
    const struct pw_attention_keep *keep;
    int rows;
    const real *qkv, *dout;
    real *dq, *dk, *dv;                 /* (heads, T, hd) */
    real *scratch;                      /* (workers, 2, PW_ATTENTION_ROWS, longest) */
};

struct head { int s, len; const real *q, *k, *v, *dout; real *dq, *dk, *dv; };

static struct head head_at(const struct job *j, int item)
{
    const struct pw_attention *a = j->a;
    int s = item / a->heads, h = item % a->heads, g = h / (a->heads / a->kv_heads), first = j->r->off[s];
    size_t at = ((size_t)h * j->rows + first) * a->hd;
    return (struct head){ .s = s, .len = j->r->off[s + 1] - first, .q = j->keep->q + at,
        .k = j->keep->k + ((size_t)g * j->rows + first) * a->hd,
        .v = j->qkv + (size_t)first * pw_attention_width(a) + (a->heads + a->kv_heads + g) * a->hd,
        .dout = j->dout + ((size_t)first * a->heads + h) * a->hd,
        .dq = j->dq + at, .dk = j->dk + at, .dv = j->dv + at };
}

/* p = softmax(q k^T) with 0 for what is not seen. */
static void make_again(const struct job *j, const struct head *head, struct pw_attention_block b, real *p)
{
    int hd = j->a->hd;
    j->x->kern->gemm(false, true, b.end - b.first, b.keys, hd, head->q + (size_t)b.first * hd, hd, head->k, hd, 0, p,
                     b.keys);
    for (int i = b.first; i < b.end; i++, p += b.keys) {
        int seen = pw_attention_sees(j->r, head->s, i);
        j->x->kern->softmax(seen, p, 1, p);
        memset(p + seen, 0, (b.keys - seen) * sizeof *p);
    }
}

/* dp becomes the gradient of the scores, p (dp - <p, dp>), row by row. */
static void soften_back(const struct pw_kern *kern, int rows, int keys, const real *p, real *dp)
{
    for (int i = 0; i < rows; i++, p += keys, dp += keys) {
        real inner = kern->dot(keys, p, dp);
        kern->mul(keys, p, dp, dp);
        kern->axpy(keys, -inner, p, dp);
    }
}

static void block_back(const struct job *j, const struct head *head, struct pw_attention_block b, real *p, real *dp)
{
    const struct pw_kern *kern = j->x->kern;
    int hd = j->a->hd, ldv = pw_attention_width(j->a), ldo = j->a->heads * hd, rows = b.end - b.first, keys = b.keys;
    size_t at = (size_t)b.first * hd;
    const real *dout = head->dout + (size_t)b.first * ldo;
    make_again(j, head, b, p);
    kern->gemm(false, true, rows, keys, hd, dout, ldo, head->v, ldv, 0, dp, keys);
    kern->gemm(true, false, keys, hd, rows, p, keys, dout, ldo, 1, head->dv, hd);
    soften_back(kern, rows, keys, p, dp);
    kern->gemm(false, false, rows, hd, keys, dp, keys, head->k, hd, 0, head->dq + at, hd);
    kern->gemm(true, false, keys, hd, rows, dp, keys, head->q + at, hd, 1, head->dk, hd);
}

static void head_back(void *arg, int item, int worker)
{
    const struct job *j = arg;
    struct head head = head_at(j, item);
    size_t size = (size_t)PW_ATTENTION_ROWS * j->keep->longest;
    real *p = j->scratch + (size_t)worker * 2 * size;
    memset(head.dk, 0, (size_t)head.len * j->a->hd * sizeof(real));
    memset(head.dv, 0, (size_t)head.len * j->a->hd * sizeof(real));
    for (int i = 0; i < head.len; i += PW_ATTENTION_ROWS)
        block_back(j, &head, pw_attention_block_at(j->r, head.s, i), p, p + size);
}

static pwy_status make_room(struct pw_exec *x, struct job *j)
{
    size_t size = (size_t)j->a->heads * j->rows * j->a->hd + 1;
    size_t scratch = (size_t)pw_pool_workers(x->pool) * 2 * PW_ATTENTION_ROWS * j->keep->longest + 1;
    PW_NEED(j->dq = pw_arena_take(x->arena, size, sizeof(real)));
    PW_NEED(j->dk = pw_arena_take(x->arena, size, sizeof(real)));
    PW_NEED(j->dv = pw_arena_take(x->arena, size, sizeof(real)));
    PW_NEED(j->scratch = pw_arena_take(x->arena, scratch, sizeof(real)));
    return PWY_OK;
}

pwy_status pw_attention_back(struct pw_exec *x, const struct pw_attention *a, const struct pw_ragged *r,
                             const struct pw_attention_keep *keep, const real *qkv, const real *dout, real *dqkv)
{
    size_t mark = pw_arena_mark(x->arena);
    struct job job = { .x = x, .a = a, .r = r, .keep = keep, .rows = r->n_seq > 0 ? r->off[r->n_seq] : 0, .qkv = qkv,
                       .dout = dout };
    PW_TRY(make_room(x, &job));
    pw_exec_run(x, r->n_seq * a->heads, head_back, &job);
    pw_rope_join(x, a, job.rows, keep, job.dq, job.dk, job.dv, dqkv);
    x->flops += 5 * pw_attention_flops(a, r);
    PW_TRY(pw_attention_trace(x, a, r, true));
    pw_arena_release(x->arena, mark);
    return PWY_OK;
}
