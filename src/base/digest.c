/* BLAKE2b and SipHash by libsodium, whose sodium_init picks the fastest loops of this processor: it may be called any
   number of times, from any thread. */
#include "base/digest.h"
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_generichash_state) <= sizeof ((struct pw_digest *)0)->state, "room for BLAKE2b's state");
_Static_assert(crypto_shorthash_KEYBYTES == sizeof(struct pw_hash_key), "a key of SipHash");

static crypto_generichash_state *state(struct pw_digest *d)
{
    return (crypto_generichash_state *)(void *)d->state;
}

void pw_digest_begin(struct pw_digest *d)
{
    (void)!sodium_init();
    crypto_generichash_init(state(d), NULL, 0, PW_DIGEST_LEN);
}

void pw_digest_add(struct pw_digest *d, const void *data, size_t len)
{
    if (len > 0)
        crypto_generichash_update(state(d), data, len);
}

void pw_digest_add_text(struct pw_digest *d, const char *text)
{
    unsigned char len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (unsigned char)((uint64_t)strlen(text) >> 8 * i);
    pw_digest_add(d, len, sizeof len);
    pw_digest_add(d, text, strlen(text));
}

void pw_digest_end(struct pw_digest *d, unsigned char out[PW_DIGEST_LEN])
{
    crypto_generichash_final(state(d), out, PW_DIGEST_LEN);
}

void pw_digest_of(const void *data, size_t len, unsigned char out[PW_DIGEST_LEN])
{
    struct pw_digest d;
    pw_digest_begin(&d);
    pw_digest_add(&d, data, len);
    pw_digest_end(&d, out);
}

void pw_digest_hex(const unsigned char digest[PW_DIGEST_LEN], char out[PW_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < PW_DIGEST_LEN; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[PW_DIGEST_HEX - 1] = 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool pw_digest_from_hex(const char *hex, unsigned char out[PW_DIGEST_LEN])
{
    if (strlen(hex) != PW_DIGEST_HEX - 1)
        return false;
    for (int i = 0; i < 2 * PW_DIGEST_LEN; i++)
        if (digit(hex[i]) < 0)
            return false;
    for (int i = 0; i < PW_DIGEST_LEN; i++)
        out[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return true;
}

struct pw_hash_key pw_hash_key_new(void)
{
    struct pw_hash_key key;
    (void)!sodium_init();
    randombytes_buf(key.bytes, sizeof key.bytes);
    return key;
}

uint64_t pw_hash_keyed(const struct pw_hash_key *key, const void *data, size_t len)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t out;
    crypto_shorthash(hash, data, len, key->bytes);
    memcpy(&out, hash, sizeof out);
    return out;
}
