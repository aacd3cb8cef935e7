/* What the module pathways-onednn.so offers. oneDNN brings OpenMP with it, which no host should have to link: so it
   stands behind dlopen, and this table is all that both sides share. */
#ifndef PW_ONEDNN_H
#define PW_ONEDNN_H
#include <stdbool.h>
#include <stdint.h>

#define PW_ONEDNN_SYMBOL "pw_onednn_module"
enum { PW_ONEDNN_LAYOUT = 1 };          /* of struct pw_onednn: a module with another is refused */

/* C (m, n) = op(A) op(B) + beta C, row-major, m, n, k >= 1, on the calling thread alone. false: not done. */
struct pw_onednn {
    int layout;
    const char *version, *isa;          /* "2.6.3", "avx2" */
    bool has_bf16;                      /* multiplies bf16 here: from AVX-512 on */
    bool (*gemm)(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
                 float *c, int ldc);
    bool (*gemm_bf16)(bool ta, bool tb, int m, int n, int k, const uint16_t *a, int lda, const uint16_t *b, int ldb,
                      float beta, float *c, int ldc);
};
typedef const struct pw_onednn *(*pw_onednn_fn)(void);              /* NULL: oneDNN could not start */
#endif
