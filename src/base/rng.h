/* Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011). A number is a function of (seed, stream, counter),
   so it does not depend on which thread asks, how many there are, or whether a run was resumed. */
#ifndef PW_RNG_H
#define PW_RNG_H
#include <stddef.h>
#include <stdint.h>

struct pw_rng { uint64_t seed, stream, counter; uint32_t have[4]; int left; };

/* counter counts blocks of four 32-bit numbers */
struct pw_rng pw_rng_at(uint64_t seed, uint64_t stream, uint64_t counter);
uint64_t pw_hash(const void *data, size_t len);   /* FNV-1a with a final mix: a stream from a name */
uint32_t pw_rng_u32(struct pw_rng *rng);
uint64_t pw_rng_below(struct pw_rng *rng, uint64_t n);                      /* 0 .. n-1, unbiased; n > 0 */
double pw_rng_uniform(struct pw_rng *rng);                                  /* [0, 1), 53 bits */
double pw_rng_normal(struct pw_rng *rng);                                   /* N(0, 1) */
/* A permutation of 0 .. n-1 by key, at one point, without memory (Feistel with cycle walking), and its inverse. */
uint64_t pw_permute(uint64_t key, uint64_t n, uint64_t index);
uint64_t pw_permute_inverse(uint64_t key, uint64_t n, uint64_t index);
#endif
