/**
 * @file pathways/tokenizer.h
 * Text to ids and back: raw bytes, or byte-level BPE.
 */
#ifndef PATHWAYS_TOKENIZER_H
#define PATHWAYS_TOKENIZER_H
#include <pathways/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable and counted; any number of threads. */
typedef struct pwy_tokenizer pwy_tokenizer;
/** Puts together text from ids that come one by one. One thread at a time; holds its tokenizer. */
typedef struct pwy_detokenizer pwy_detokenizer;

/** ids 0..255 are the bytes, 256 is the end. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_bytes(pwy_tokenizer **out);
/** Trains byte-level BPE (Sennrich et al. 2016) on n texts of lens bytes; lens may be NULL for NUL-terminated ones.
 *  vocab: 257 .. 1048576 ids in all; fewer come out where no pair is left that stands twice. The same texts give the
 *  same tokenizer. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_train(const char *const *texts, const int64_t *lens, int64_t n, int64_t vocab,
                                       pwy_tokenizer **out);
/** From a tokenizer.json: byte-level BPE, of this library or another. PWY_E_FORMAT, PWY_E_UNSUPPORTED for other models.
 *  @since 0.1 */
PWY_API pwy_status pwy_tokenizer_open(const char *path, pwy_tokenizer **out);
/** The same from memory; len in bytes, or -1: up to the NUL. name: for messages. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_parse(const char *json, int64_t len, const char *name, pwy_tokenizer **out);
/** Writes tokenizer.json, atomically. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_save(const pwy_tokenizer *tokenizer, const char *path);
/** Lets go; NULL allowed. @since 0.1 */
PWY_API void pwy_tokenizer_free(pwy_tokenizer *tokenizer);
/** Number of ids. @since 0.1 */
PWY_API int64_t pwy_tokenizer_vocab(const pwy_tokenizer *tokenizer);
/** Writes at most cap ids and sets *n to the number that the whole text has: call with cap 0 to ask. len in bytes, or
 *  -1: up to the NUL. Any bytes, also those that are not UTF-8. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_encode(const pwy_tokenizer *tokenizer, const char *text, int64_t len, int32_t *ids,
                                        int64_t cap, int64_t *n);
/** The bytes of n ids; *text is owned by the caller (pwy_text_free), NUL-terminated, *len may be NULL. An id out of
 *  range: PWY_E_ARGUMENT. @since 0.1 */
PWY_API pwy_status pwy_tokenizer_decode(const pwy_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **text,
                                        int64_t *len);
/** At the start of a text; the caller frees it. @since 0.1 */
PWY_API pwy_status pwy_detokenizer_new(pwy_tokenizer *tokenizer, pwy_detokenizer **out);
/** Feeds one id; *text is what became complete characters, "" when none did (bytes that can never become one are
 *  U+FFFD); the end gives out what is left. Borrowed until the next call. @since 0.1 */
PWY_API pwy_status pwy_detokenizer_feed(pwy_detokenizer *detokenizer, int32_t id, const char **text);
/** NULL allowed. @since 0.1 */
PWY_API void pwy_detokenizer_free(pwy_detokenizer *detokenizer);

#ifdef __cplusplus
}
#endif
#endif
