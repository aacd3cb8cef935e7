/* The kernels for AVX2 with FMA: 8 floats a vector. Compiled for that whatever the compiler's flags say; reached only
   through the table, which choose.c gives out where the processor can run it. */
#include <string.h>
#include "kern/tables.h"

#ifdef PW_HAVE_AVX
#pragma GCC target("avx2,fma")
#include <immintrin.h>

enum { VW = 8, MR = 4, NV = 3 };        /* 12 sums, 3 of w and 1 of x fill the 16 registers */
typedef __m256 vec;
typedef __m256i ivec;
typedef __m256 vmask;

/* All ones in the first `left` lanes, 0 < left < VW. */
static inline __m256i first_lanes(int left)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
static inline vec v_load_part(const float *p, int left) { return _mm256_maskload_ps(p, first_lanes(left)); }
static inline void v_store_part(float *p, int left, vec a) { _mm256_maskstore_ps(p, first_lanes(left), a); }
static inline vec v_set(float a) { return _mm256_set1_ps(a); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_negate(vec a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
static inline vec v_round(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vmask v_less(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vmask v_less_equal(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vmask v_equal(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vec v_select(vmask m, vec yes, vec no) { return _mm256_blendv_ps(no, yes, m); }
static inline ivec v_to_int(vec a) { return _mm256_cvtps_epi32(a); }
static inline vec v_from_int(ivec a) { return _mm256_cvtepi32_ps(a); }
static inline vec v_as_float(ivec a) { return _mm256_castsi256_ps(a); }
static inline ivec v_as_int(vec a) { return _mm256_castps_si256(a); }
static inline ivec v_iset(int a) { return _mm256_set1_epi32(a); }
static inline ivec v_iadd(ivec a, ivec b) { return _mm256_add_epi32(a, b); }
static inline ivec v_isub(ivec a, ivec b) { return _mm256_sub_epi32(a, b); }
static inline ivec v_iand(ivec a, ivec b) { return _mm256_and_si256(a, b); }
static inline ivec v_ior(ivec a, ivec b) { return _mm256_or_si256(a, b); }
#define v_shift_left(a, n) _mm256_slli_epi32(a, n)
#define v_shift_right(a, n) _mm256_srai_epi32(a, n)

/* VW numbers of 16 bits, in the lower halves of the lanes. */
static inline ivec v_load_half(const uint16_t *p)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* VW numbers of 8 bits, with their signs. */
static inline ivec v_load_byte(const int8_t *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

static inline void v_store_half(uint16_t *p, ivec a)
{
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, a), 0x08);
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}

#include "kern/vmath.h"
#include "kern/loops.h"
#include "kern/transpose.h"
#include "kern/matmul.h"
#include "kern/widen.h"
#include "kern/packed.h"

const struct pw_kern pw_kern_avx2 = TABLE("avx2", product, gemm_bf16, NULL);
const struct pw_kern pw_kern_avx2_blas = TABLE("blas", pw_gemm_blas, gemm_bf16, NULL);
const struct pw_kern pw_kern_avx2_onednn = TABLE("onednn", pw_gemm_onednn, gemm_bf16_onednn, NULL);
#endif
