/* Transposing by blocks of 8 x 8 within registers. Included by avx2.c and avx512.c: 8 lanes are enough for either. */

/* Column p of the 8 x 8 block at x becomes row p at y. */
static inline void transpose8(const float *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy)
{
    __m256 half[8], pair[8], quad[8];
#pragma GCC unroll 8
    for (int i = 0; i < 4; i++) {       /* rows i and i + 4 share a register: columns 0-3 below, 4-7 above */
        __m256 low = _mm256_loadu_ps(x + i * ldx), high = _mm256_loadu_ps(x + (i + 4) * ldx);
        half[i] = _mm256_permute2f128_ps(low, high, 0x20);
        half[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(half[i], half[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(half[i], half[i + 1]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 8
        for (int j = 0; j < 2; j++) {
            quad[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
            quad[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
        }
#pragma GCC unroll 8
    for (int p = 0; p < 8; p++)
        _mm256_storeu_ps(y + p * ldy, quad[p]);
}

static void transpose(int rows, int cols, const float *x, int ldx, float *y, int ldy)
{
    int whole_rows = rows & ~7, whole_cols = cols & ~7;
    for (int i = 0; i < whole_rows; i += 8)
        for (int j = 0; j < whole_cols; j += 8)
            transpose8(x + (ptrdiff_t)i * ldx + j, ldx, y + (ptrdiff_t)j * ldy + i, ldy);
    for (int i = 0; i < rows; i++)
        for (int j = i < whole_rows ? whole_cols : 0; j < cols; j++)
            y[(ptrdiff_t)j * ldy + i] = x[(ptrdiff_t)i * ldx + j];
}
