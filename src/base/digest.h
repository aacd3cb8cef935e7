/* 256-bit digests (BLAKE2b), and hashes that a hostile file cannot foresee: the only place that knows libsodium. */
#ifndef PW_DIGEST_H
#define PW_DIGEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum { PW_DIGEST_LEN = 32, PW_DIGEST_HEX = 2 * PW_DIGEST_LEN + 1 };        /* bytes; with the NUL, as a text */

/* BLAKE2b-256 without a key, of pieces handed over one behind the other: how they are cut does not matter. */
struct pw_digest { _Alignas(64) unsigned char state[384]; };
void pw_digest_begin(struct pw_digest *d);
void pw_digest_add(struct pw_digest *d, const void *data, size_t len);
/* A text with its length before it, so that "ab" and "c" differ from "a" and "bc". */
void pw_digest_add_text(struct pw_digest *d, const char *text);
void pw_digest_end(struct pw_digest *d, unsigned char out[PW_DIGEST_LEN]);
void pw_digest_of(const void *data, size_t len, unsigned char out[PW_DIGEST_LEN]);       /* all at once */
void pw_digest_hex(const unsigned char digest[PW_DIGEST_LEN], char out[PW_DIGEST_HEX]);  /* lower case */
bool pw_digest_from_hex(const char *hex, unsigned char out[PW_DIGEST_LEN]);   /* false: not 64 digits of that form */

/* SipHash-2-4. A table with a key of its own cannot be filled with names that all fall into one slot. */
struct pw_hash_key { unsigned char bytes[16]; };
struct pw_hash_key pw_hash_key_new(void);                           /* another each time */
uint64_t pw_hash_keyed(const struct pw_hash_key *key, const void *data, size_t len);
#endif
