/* Tokenizers: raw bytes (ids 0..255), and byte-level BPE (Sennrich et al. 2016; GPT-2's bytes and pattern), which
   trains, encodes, decodes, and reads and writes tokenizer.json. Specials stand first behind the bytes: id 256 is
   <end>. Immutable once made; any thread. */
#ifndef PW_TOK_H
#define PW_TOK_H
#include "base/mem.h"
#include "base/node.h"
#include "pathways/tokenizer.h"

enum { PW_TOK_END = 256 };

/* Texts for training, one at a time; len -1 ends. */
typedef pwy_status (*pw_texts_fn)(void *arg, int64_t i, const char **text, int64_t *len);

pwy_status pw_tok_bytes(pwy_tokenizer **out);
/* vocab counts all ids (bytes and <end> included): 257 .. 1 << 20. Deterministic: ties by the smaller pair. Fewer
   merges than asked when no pair is left that stands twice in the text. */
pwy_status pw_tok_train(int64_t vocab, pw_texts_fn texts, void *arg, pwy_tokenizer **out);
/* tokenizer.json: BPE, byte-level, of this library (bytes are ids 0..255, <end> is 256) or another (bytes and end
   where its vocabulary has them: see pw_tok_end). */
pwy_status pw_tok_load(const char *json, size_t len, const char *name, pwy_tokenizer **out);
char *pw_tok_json(const pwy_tokenizer *t);
pwy_tokenizer *pw_tok_hold(pwy_tokenizer *t);
void pw_tok_release(pwy_tokenizer *t);
int64_t pw_tok_vocab(const pwy_tokenizer *t);
/* PW_TOK_END for bytes and whatever was trained here; -1: a file without one */
int32_t pw_tok_end(const pwy_tokenizer *t);
/* At most cap ids; *n is the number that the whole text has (so n > cap says it was cut). Encodes no further than
   needed for cap when `all` is false (then *n <= cap). Any bytes, also not UTF-8. */
pwy_status pw_tok_encode(const pwy_tokenizer *t, const char *text, int64_t len, int32_t *id, int64_t cap, int64_t *n,
                         bool all);
const char *pw_tok_piece(const pwy_tokenizer *t, int32_t id, int64_t *len);       /* bytes of one id; <end>: len 0 */

/* Puts together text from ids that come one by one: whole characters only; what can never become one is U+FFFD. Behind
   pwy_detokenizer. */
pwy_status pw_detok_new(pwy_tokenizer *t, pwy_detokenizer **out);
/* borrowed until the next call; an end gives out what is left */
pwy_status pw_detok_feed(pwy_detokenizer *d, int32_t id, const char **text);
void pw_detok_free(pwy_detokenizer *d);
#endif
