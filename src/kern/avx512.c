/* The kernels for AVX-512 (F, DQ, BW, VL): 16 floats a vector. See avx2.c. */
#include <string.h>
#include "kern/tables.h"

#ifdef PW_HAVE_AVX
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
#include <immintrin.h>

enum { VW = 16, MR = 8, NV = 3 };       /* 24 sums and 3 of w; x is broadcast from memory within the multiply-add */
typedef __m512 vec;
typedef __m512i ivec;
typedef __mmask16 vmask;

/* The first `left` lanes, 0 < left < VW. */
static inline __mmask16 first_lanes(int left)
{
    return (__mmask16)((1u << left) - 1);
}

static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
static inline vec v_load_part(const float *p, int left) { return _mm512_maskz_loadu_ps(first_lanes(left), p); }
static inline void v_store_part(float *p, int left, vec a) { _mm512_mask_storeu_ps(p, first_lanes(left), a); }
static inline vec v_set(float a) { return _mm512_set1_ps(a); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_negate(vec a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
static inline vec v_round(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vmask v_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vmask v_less_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vmask v_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vec v_select(vmask m, vec yes, vec no) { return _mm512_mask_blend_ps(m, no, yes); }
static inline ivec v_to_int(vec a) { return _mm512_cvtps_epi32(a); }
static inline vec v_from_int(ivec a) { return _mm512_cvtepi32_ps(a); }
static inline vec v_as_float(ivec a) { return _mm512_castsi512_ps(a); }
static inline ivec v_as_int(vec a) { return _mm512_castps_si512(a); }
static inline ivec v_iset(int a) { return _mm512_set1_epi32(a); }
static inline ivec v_iadd(ivec a, ivec b) { return _mm512_add_epi32(a, b); }
static inline ivec v_isub(ivec a, ivec b) { return _mm512_sub_epi32(a, b); }
static inline ivec v_iand(ivec a, ivec b) { return _mm512_and_si512(a, b); }
static inline ivec v_ior(ivec a, ivec b) { return _mm512_or_si512(a, b); }
#define v_shift_left(a, n) _mm512_slli_epi32(a, n)
#define v_shift_right(a, n) _mm512_srai_epi32(a, n)

/* VW numbers of 16 bits, in the lower halves of the lanes. */
static inline ivec v_load_half(const uint16_t *p)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* VW numbers of 8 bits, with their signs. */
static inline ivec v_load_byte(const int8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline void v_store_half(uint16_t *p, ivec a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(a));
}

#include "kern/vmath.h"
#include "kern/loops.h"
#include "kern/transpose.h"
#include "kern/matmul.h"
#include "kern/widen.h"
#include "kern/packed.h"

const struct pw_kern pw_kern_avx512 = TABLE("avx512", product, gemm_bf16, NULL);
const struct pw_kern pw_kern_avx512_blas = TABLE("blas", pw_gemm_blas, gemm_bf16, NULL);
const struct pw_kern pw_kern_avx512_onednn = TABLE("onednn", pw_gemm_onednn, gemm_bf16_onednn, NULL);
const struct pw_kern pw_kern_avx512bf16 = TABLE("avx512bf16", product, pw_gemm_avx512bf16, NULL);
const struct pw_kern pw_kern_amx = TABLE("amx", product, NULL, &pw_panels_amx);
#endif
