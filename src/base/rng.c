/* Philox 4x32-10, and a permutation by a Feistel network. */
#include <math.h>
#include "base/rng.h"

struct pw_rng pw_rng_at(uint64_t seed, uint64_t stream, uint64_t counter)
{
    return (struct pw_rng){ .seed = seed, .stream = stream, .counter = counter };
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

uint64_t pw_hash(const void *data, size_t len)
{
    const unsigned char *byte = data;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001B3);
    return mix(hash);
}

/* One block: four numbers of 32 bits from the 128-bit counter (counter, stream) under the key `seed`. */
static void philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t pw_rng_u32(struct pw_rng *rng)
{
    if (rng->left == 0) {
        philox(rng->seed, rng->stream, rng->counter++, rng->have);
        rng->left = 4;
    }
    return rng->have[4 - rng->left--];
}

static uint64_t next64(struct pw_rng *rng)
{
    uint64_t low = pw_rng_u32(rng);
    return (uint64_t)pw_rng_u32(rng) << 32 | low;
}

/* Lemire's method: the high half of a product, drawn again in the few cases that would make it uneven. */
uint64_t pw_rng_below(struct pw_rng *rng, uint64_t n)
{
    unsigned __int128 product = (unsigned __int128)next64(rng) * n;
    if ((uint64_t)product < n)
        for (uint64_t uneven = -n % n; (uint64_t)product < uneven;)
            product = (unsigned __int128)next64(rng) * n;
    return (uint64_t)(product >> 64);
}

double pw_rng_uniform(struct pw_rng *rng)
{
    return (double)(next64(rng) >> 11) * 0x1p-53;
}

/* Box and Muller's method; the second number is not kept, so that the state stays a counter. */
double pw_rng_normal(struct pw_rng *rng)
{
    double radius = sqrt(-2 * log(1 - pw_rng_uniform(rng)));
    return radius * cos(2 * 3.14159265358979323846 * pw_rng_uniform(rng));
}

enum { ROUNDS = 6 };

static unsigned half_bits(uint64_t n)
{
    unsigned bits = n <= 1 ? 1 : 64 - (unsigned)__builtin_clzll(n - 1);
    return (bits + 1) / 2;
}

static uint64_t scramble(uint64_t key, int round, uint64_t half, uint64_t mask)
{
    return mix(key + (uint64_t)(round + 1) * UINT64_C(0x9E3779B97F4A7C15) + mix(half + 1)) & mask;
}

static uint64_t forth(uint64_t key, unsigned bits, uint64_t x)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1, left = x >> bits, right = x & mask;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t next = left ^ scramble(key, round, right, mask);
        left = right;
        right = next;
    }
    return left << bits | right;
}

static uint64_t back(uint64_t key, unsigned bits, uint64_t x)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1, left = x >> bits, right = x & mask;
    for (int round = ROUNDS; round-- > 0;) {
        uint64_t before = right ^ scramble(key, round, left, mask);
        right = left;
        left = before;
    }
    return left << bits | right;
}

uint64_t pw_permute(uint64_t key, uint64_t n, uint64_t index)
{
    unsigned bits = half_bits(n);
    do
        index = forth(key, bits, index);
    while (index >= n);
    return index;
}

uint64_t pw_permute_inverse(uint64_t key, uint64_t n, uint64_t index)
{
    unsigned bits = half_bits(n);
    do
        index = back(key, bits, index);
    while (index >= n);
    return index;
}
