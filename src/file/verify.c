/* Reading every byte of a file, and naming the part that is not as it was written. */
#include "file/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check { const struct pw_tensors *t; const char *name; pw_damage_fn tell; void *arg; int64_t n; };

static void damaged(struct check *c, const char *part, const char *why)
{
    c->n++;
    if (c->tell != NULL)
        c->tell(c->arg, c->name, part, why);
}

static bool header_holds(const struct pw_tensors *t)
{
    unsigned char want[PW_DIGEST_LEN], is[PW_DIGEST_LEN];
    char zeros[PW_DIGEST_HEX - 1];
    const char *text = pw_tensors_text(t, "digest");
    size_t behind = t->digest_at + sizeof zeros;
    struct pw_digest d;
    if (text == NULL || t->digest_at == 0 || behind > t->header_len || !pw_digest_from_hex(text, want))
        return false;
    memset(zeros, '0', sizeof zeros);
    pw_digest_begin(&d);
    pw_digest_add(&d, t->file, t->digest_at);
    pw_digest_add(&d, zeros, sizeof zeros);
    pw_digest_add(&d, t->file + behind, t->header_len - behind);
    pw_digest_end(&d, is);
    return memcmp(is, want, sizeof is) == 0;
}

static bool table_holds(const struct pw_tensors *t, const struct pw_tensor *table)
{
    unsigned char want[PW_DIGEST_LEN], is[PW_DIGEST_LEN];
    const char *text = pw_tensors_text(t, "digests");
    pw_tensor_digest(table, is);
    return text != NULL && pw_digest_from_hex(text, want) && memcmp(is, want, sizeof is) == 0;
}

static void check_tensor(struct check *c, const struct pw_tensor *t)
{
    unsigned char want[PW_DIGEST_LEN], is[PW_DIGEST_LEN];
    if (!pw_stored_digest(c->t, t, want))
        return damaged(c, t->name, "has no digest");
    pw_tensor_digest(t, is);
    if (memcmp(is, want, sizeof is) != 0)
        damaged(c, t->name, "differs from its digest");
}

/* Zeros throughout: each byte equals the one before it, and the first is 0. */
static bool is_zero(const struct pw_padding *p)
{
    return p->bytes == 0 || (p->data[0] == 0 && memcmp(p->data, p->data + 1, p->bytes - 1) == 0);
}

static void check_padding(struct check *c)
{
    char why[80];
    for (int64_t i = 0; i < c->t->n_padding; i++) {
        const struct pw_padding *p = &c->t->padding[i];
        if (is_zero(p))
            continue;
        snprintf(why, sizeof why, "is not zeros between bytes %zu and %zu of the file",
                 (size_t)(p->data - c->t->file), (size_t)(p->data - c->t->file) + p->bytes);
        damaged(c, "padding", why);
    }
}

static void check_tensors(struct check *c)
{
    const struct pw_tensor *table = pw_tensors_find(c->t, PW_DIGESTS);
    if (table == NULL)
        return damaged(c, PW_DIGESTS, "is not there");
    if (!table_holds(c->t, table))
        return damaged(c, PW_DIGESTS, "differs from its digest, so that no tensor can be told from its own");
    for (int64_t i = 0; i < c->t->n; i++)
        if (&c->t->list[i] != table)
            check_tensor(c, &c->t->list[i]);
}

/* Another's file; of ours, one damaged byte cannot hide both. */
static bool without_digests(const struct pw_tensors *t)
{
    return t->digest_at == 0 && pw_tensors_find(t, PW_DIGESTS) == NULL;
}

pwy_status pw_verify_bytes(const char *data, size_t len, const char *name, pw_damage_fn tell, void *arg,
                           int64_t *n_damaged)
{
    struct pw_tensors *t = NULL;
    struct check c = { .name = name, .tell = tell, .arg = arg };
    pwy_status status = pw_tensors_read(data, len, name, &t);
    if (status != PWY_OK && status != PWY_E_FORMAT)
        return status;
    if (status == PWY_OK && without_digests(t)) {
        pw_tensors_free(t);
        return pw_fail_at(PWY_E_UNSUPPORTED, name, 0, "cannot be verified: it was written without digests; saved "
                          "again it has them");
    }
    c.t = t;
    if (status != PWY_OK)
        damaged(&c, "header", pwy_error_message());
    else if (!header_holds(t))
        damaged(&c, "header", "differs from its digest, so that nothing behind it can be told from what it says");
    else {
        check_tensors(&c);
        check_padding(&c);
    }
    pw_tensors_free(t);
    *n_damaged = c.n;
    return PWY_OK;
}
