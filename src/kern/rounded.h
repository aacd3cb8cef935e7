/* The operands of products in bf16. Private to src/kern. */
#ifndef PW_ROUNDED_H
#define PW_ROUNDED_H
#include "kern/exec.h"

/* The operands of one product, rounded, rows end to end. a NULL: this product stays in floats. */
struct pw_rounded { const uint16_t *a, *b; int lda, ldb; };
/* Rounds what the list's products in bf16 need, on the pool. *out has n, from x's arena. PWY_E_NOMEM only. */
pwy_status pw_round_operands(struct pw_exec *x, const struct pw_product *list, int n, struct pw_rounded **out);
#endif
