/* From examples to one ragged batch: encode each part, then lay the rows of all items end to end. */
#include "model/model.h"
#include <string.h>

/* The ids that an item is to write: its target's text and <end>, or the running text itself. */
static pwy_status encode_ids(const pwy_model *m, const char *text, int64_t len, bool end, struct pw_arena *arena,
                             struct pw_item *item)
{
    const pwy_tokenizer *tok = item->net->vocabulary->tok;
    int64_t cap = m->shape.window, n;
    PW_NEED(item->ids = pw_arena_take(arena, (size_t)cap + 1, sizeof(int32_t)));
    PW_TRY(pw_tok_encode(tok, text, len, item->ids, cap, &n, false));
    item->n_ids = (int)(n < cap ? n : cap);
    item->text_bytes = 0;
    for (int i = 0; i < item->n_ids; i++) {
        int64_t bytes;
        pw_tok_piece(tok, item->ids[i], &bytes);
        item->text_bytes += bytes;
    }
    if (end) item->ids[item->n_ids++] = PW_TOK_END;
    return PWY_OK;
}

/* Running text: the part is what is written; a prompt where no target is asked for. */
static pwy_status encode_stream(const pwy_model *m, const pwy_example *ex, bool with_target, struct pw_arena *arena,
                                struct pw_item *out)
{
    const struct pw_value *value = pw_example_find(ex, out->net->task->parts[0].name);
    if (value == NULL || value->type != PW_VALUE_TEXT)
        return pw_fail(PWY_E_DATA, "part '%s' must be a text", out->net->task->parts[0].name);
    PW_TRY(encode_ids(m, value->text, value->len, false, arena, out));
    out->n_in = with_target ? out->n_ids - 1 : out->n_ids;
    return PWY_OK;
}

static pwy_status encode_part(struct pw_net *net, int p, const pwy_example *ex, struct pw_rng *rng,
                              struct pw_arena *arena, struct pw_encoded *out)
{
    const struct pw_sense *s = &net->sense[p];
    const struct pw_value *value = pw_example_find(ex, net->task->parts[p].name);
    memset(out, 0, sizeof *out);
    if (value == NULL || value->type == PW_VALUE_NONE) return PWY_OK;
    if (value->type != s->ops->takes)
        return pw_fail(PWY_E_ARGUMENT, "part '%s' goes through the sense %s, which does not take what it was given",
                       net->task->parts[p].name, s->ops->name);
    return s->ops->encode(s, value, rng, arena, out);
}

static pwy_status no_part(const struct pw_net *net)
{
    return pw_fail(PWY_E_DATA, "the example has none of the task's parts; the first is '%s' (%s)",
                   net->task->parts[0].name, net->task->parts[0].sense);
}

static pwy_status encode_parts(struct pw_net *net, const pwy_example *ex, struct pw_rng *rng, struct pw_arena *arena,
                               struct pw_item *out)
{
    bool any = false;
    PW_NEED(out->part = pw_arena_zero(arena, (size_t)net->n_parts + 1, sizeof *out->part));
    for (int p = 0; p < net->n_parts; p++) {
        PW_TRY(encode_part(net, p, ex, rng, arena, &out->part[p]));
        any = any || out->part[p].n_tokens > 0;
    }
    return any ? PWY_OK : no_part(net);
}

static pwy_status unknown_part(const struct pw_net *net, const char *part)
{
    return pw_fail(PWY_E_ARGUMENT, "task '%s' has no part '%s'; its first is '%s'", net->task->name, part,
                   net->task->parts[0].name);
}

static pwy_status check_parts(const struct pw_net *net, const pwy_example *ex)
{
    for (int i = 0; i < ex->n_parts; i++) {
        int p = 0;
        while (p < net->n_parts && strcmp(net->task->parts[p].name, ex->parts[i].name) != 0) p++;
        if (p == net->n_parts) return unknown_part(net, ex->parts[i].name);
    }
    return PWY_OK;
}

static pwy_status encode_target(const pwy_model *m, const pwy_example *ex, struct pw_arena *arena, struct pw_item *out)
{
    struct pw_net *net = out->net;
    PW_NEED(out->target.labels = pw_arena_zero(arena, (size_t)net->outputs + 1, 1));
    PW_TRY(net->task->head->target(net->task, ex, &out->target));
    if (!net->writes) return PWY_OK;
    PW_TRY(encode_ids(m, out->target.text, (int64_t)strlen(out->target.text), true, arena, out));
    out->n_in = out->n_ids - 1;
    return PWY_OK;
}

pwy_status pw_item_encode(const pwy_model *m, struct pw_net *net, const pwy_example *ex, bool with_target,
                          struct pw_rng *rng, struct pw_arena *arena, struct pw_item *out)
{
    memset(out, 0, sizeof *out);
    out->net = net;
    PW_TRY(check_parts(net, ex));
    if (pw_streams(net)) return encode_stream(m, ex, with_target, arena, out);
    PW_TRY(encode_parts(net, ex, rng, arena, out));
    return with_target ? encode_target(m, ex, arena, out) : PWY_OK;
}

static int part_rows(const struct pw_item *item)
{
    int rows = 0;
    for (int p = 0; item->part != NULL && p < item->net->n_parts; p++) rows += item->part[p].n_tokens;
    return rows;
}

/* What the rows are known by where experts are met by hash: a text's by their ids, others by part and place. */
static void row_keys(const struct pw_item *item, uint64_t *key)
{
    *key++ = 0;
    for (int p = 0; item->part != NULL && p < item->net->n_parts; p++) {
        const struct pw_encoded *e = &item->part[p];
        bool text = strcmp(item->net->sense[p].ops->name, "text") == 0 && e->n_ids >= e->n_tokens;
        for (int i = 0; i < e->n_tokens; i++)
            *key++ = text ? pw_id_key(e->ids[i]) : (uint64_t)(p + 1) << 32 | (uint64_t)i;
    }
    for (int i = 0; i < item->n_in; i++) *key++ = pw_id_key(item->ids[i]);
}

pwy_status pw_batch_layout(struct pw_batch *b, struct pw_arena *arena)
{
    int32_t *meta;
    PW_NEED(meta = pw_arena_take(arena, (size_t)b->n * 3 + 1, sizeof *meta));
    PW_NEED(b->way = pw_arena_take(arena, (size_t)b->n + 1, sizeof *b->way));
    b->off = meta;
    b->prefix = meta + b->n + 1;
    b->task = b->prefix + b->n;
    b->rows = 0;
    for (int i = 0; i < b->n; i++) {
        struct pw_item *item = &b->item[i];
        int sensed = 1 + part_rows(item);
        item->row = b->rows;
        item->first_write = sensed - 1;
        item->n_rows = sensed + item->n_in;
        b->off[i] = b->rows;
        b->prefix[i] = sensed;
        b->task[i] = item->net->task->index;
        b->way[i] = item->net->way;
        b->rows += item->n_rows;
    }
    b->off[b->n] = b->rows;
    PW_NEED(b->key = pw_arena_take(arena, (size_t)b->rows + 1, sizeof *b->key));
    for (int i = 0; i < b->n; i++) row_keys(&b->item[i], b->key + b->off[i]);
    return PWY_OK;
}
