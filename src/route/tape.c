#include "route/tape.h"
#include "route/policy.h"
#include "sys/file.h"
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x54525750, VERSION = 1, MARK = 0x45545552, HEAD = 4 };      /* "PWRT", "RUTE" */

pwy_status pw_tape_new(struct pw_tape **out)
{
    struct pw_tape *tape;
    PW_NEED(tape = pw_calloc(1, sizeof *tape));
    tape->count = 1;
    *out = tape;
    return PWY_OK;
}

struct pw_tape *pw_tape_hold(struct pw_tape *tape)
{
    __atomic_add_fetch(&tape->count, 1, __ATOMIC_RELAXED);
    return tape;
}

void pw_tape_release(struct pw_tape *tape)
{
    if (tape == NULL || __atomic_sub_fetch(&tape->count, 1, __ATOMIC_ACQ_REL) > 0) return;
    free(tape->data);
    free(tape);
}

static pwy_status grow(struct pw_tape *tape, size_t more)
{
    size_t cap = tape->cap == 0 ? 1024 : tape->cap;
    if (tape->len + more <= tape->cap) return PWY_OK;
    while (cap < tape->len + more) cap *= 2;
    int32_t *data = pw_calloc(cap, sizeof *data);
    PW_NEED(data);
    if (tape->len > 0) memcpy(data, tape->data, tape->len * sizeof *data);
    free(tape->data);
    tape->data = data;
    tape->cap = cap;
    return PWY_OK;
}

/* The id at a place of a row's segment; dropped pairs have lost theirs. */
static int32_t id_of(const struct pw_span *s, int32_t place)
{
    return place < 0 || s->expert == NULL ? place : s->expert[place];
}

pwy_status pw_tape_take(struct pw_tape *tape, int layer, const struct pw_routes *r)
{
    PW_TRY(grow(tape, HEAD + (size_t)r->n_tokens + 1 + (size_t)r->n_pairs));
    int32_t *to = tape->data + tape->len;
    *to++ = MARK;
    *to++ = layer;
    *to++ = r->n_tokens;
    *to++ = r->n_pairs;
    memcpy(to, r->pair, ((size_t)r->n_tokens + 1) * sizeof *to);
    to += r->n_tokens + 1;
    for (int s = 0; s < r->n_spans; s++)
        for (int i = r->pair[r->span[s].first]; i < r->pair[r->span[s].first + r->span[s].rows]; i++)
            *to++ = id_of(&r->span[s], r->place[i]);
    tape->len = (size_t)(to - tape->data);
    tape->routings++;
    return PWY_OK;
}

static pwy_status check_shape(const struct pw_tape *tape, int layer, const struct pw_routes *r)
{
    const int32_t *head = tape->data + tape->at;
    if (tape->at == tape->len)
        return pw_fail(PWY_E_ARGUMENT, "routes: the replay has come to its end after %lld routings; what was recorded "
                       "is shorter than this", (long long)tape->routings);
    if (head[1] != layer || head[2] != r->n_tokens)
        return pw_fail(PWY_E_ARGUMENT, "routes: %d rows of layer %d are to be replayed, but %d rows of layer %d come "
                       "next; the replayed pass must have the shape of the recorded one", r->n_tokens, layer, head[2],
                       head[1]);
    return PWY_OK;
}

/* Where the expert stands among the candidates, or -1. */
static int32_t place_of(const struct pw_span *s, int32_t id)
{
    int low = 0, high = s->n;
    if (s->expert == NULL) return id < s->n ? id : -1;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (s->expert[mid] < id) low = mid + 1;
        else high = mid;
    }
    return low < s->n && s->expert[low] == id ? low : -1;
}

static pwy_status give_row(const struct pw_routes *r, const struct pw_span *s, int t, const int32_t *id)
{
    for (int i = r->pair[t]; i < r->pair[t + 1]; i++) {
        r->place[i] = place_of(s, id[i]);
        if (r->place[i] < 0 || (i > r->pair[t] && r->place[i] <= r->place[i - 1]))
            return pw_fail(PWY_E_ARGUMENT, "routes: expert %d, to be replayed for row %d, is not among its %d "
                           "candidates or not in order", id[i], t, s->n);
    }
    return PWY_OK;
}

pwy_status pw_tape_give(struct pw_exec *x, struct pw_tape *tape, int layer, struct pw_routes *r)
{
    PW_TRY(check_shape(tape, layer, r));
    const int32_t *head = tape->data + tape->at, *pair = head + HEAD, *id = pair + r->n_tokens + 1;
    PW_TRY(pw_pairs_make(x, r, head[3], false));
    memcpy(r->pair, pair, ((size_t)r->n_tokens + 1) * sizeof *pair);
    for (int s = 0; s < r->n_spans; s++)
        for (int t = r->span[s].first; t < r->span[s].first + r->span[s].rows; t++)
            PW_TRY(give_row(r, &r->span[s], t, id));
    tape->at += HEAD + (size_t)r->n_tokens + 1 + (size_t)r->n_pairs;
    return PWY_OK;
}

/* --- files: MAGIC, VERSION, then the words, little-endian --- */

pwy_status pw_tape_save(const struct pw_tape *tape, const char *path)
{
    const int32_t head[2] = {MAGIC, VERSION};
    struct pw_replace *r;
    PW_TRY(pw_replace_begin(path, &r));
    pwy_status status = pw_write_all(pw_replace_fd(r), head, sizeof head, path);
    if (status == PWY_OK)
        status = pw_write_all(pw_replace_fd(r), tape->data, tape->len * sizeof *tape->data, path);
    if (status == PWY_OK) return pw_replace_commit(r);
    pw_replace_abort(r);
    return status;
}

static bool ascends(const int32_t *pair, int32_t rows, int32_t pairs)
{
    if (pair[0] != 0 || pair[rows] != pairs) return false;
    for (int32_t t = 0; t < rows; t++)
        if (pair[t] > pair[t + 1]) return false;
    return true;
}

/* Walks all routings. */
static pwy_status check_words(struct pw_tape *tape, const char *path)
{
    for (size_t at = 0; at < tape->len; tape->routings++) {
        const int32_t *head = tape->data + at;
        size_t left = tape->len - at;
        bool fits = left >= HEAD && head[0] == MARK && head[1] >= 0 && head[2] >= 0 && head[3] >= 0
            && left - HEAD >= (size_t)head[2] + 1 + (size_t)head[3];
        if (!fits || !ascends(head + HEAD, head[2], head[3]))
            return pw_fail(PWY_E_FORMAT, "%s: the routes are damaged or cut short at word %zu", path, at + 2);
        at += HEAD + (size_t)head[2] + 1 + (size_t)head[3];
    }
    return PWY_OK;
}

static pwy_status read_words(const struct pw_mapping *m, const char *path, struct pw_tape *tape)
{
    int32_t head[2];
    if (m->len < sizeof head || m->len % sizeof *head != 0)
        return pw_fail(PWY_E_FORMAT, "%s: %zu bytes are no file of routes", path, m->len);
    memcpy(head, m->data, sizeof head);
    if (head[0] != MAGIC || head[1] != VERSION)
        return pw_fail(PWY_E_FORMAT, "%s: this is no file of routes of version %d", path, VERSION);
    size_t len = m->len / sizeof *head - 2;
    PW_TRY(grow(tape, len));
    if (len > 0) memcpy(tape->data, m->data + sizeof head, len * sizeof *head);
    tape->len = len;
    return check_words(tape, path);
}

pwy_status pw_tape_open(const char *path, struct pw_tape **out)
{
    struct pw_mapping m;
    struct pw_tape *tape;
    PW_TRY(pw_map_open(path, &m));
    pwy_status status = pw_tape_new(&tape);
    if (status == PWY_OK) status = read_words(&m, path, tape);
    else tape = NULL;
    pw_map_close(&m);
    if (status == PWY_OK) *out = tape;
    else pw_tape_release(tape);
    return status;
}
