/* The operands of products in bf16. Private to src/kern. */
#ifndef PW_ROUNDED_H
#define PW_ROUNDED_H
#include "kern/exec.h"

/* The operands of one product, rounded, rows end to end, or in panels. Both NULL: this product stays in floats. */
struct pw_rounded { const uint16_t *a, *b; int lda, ldb; };
/* Rounds what the list's products in bf16 need, on the pool. *out has n, from x's arena. PWY_E_NOMEM only. */
pwy_status pw_round_operands(struct pw_exec *x, const struct pw_product *list, int n, struct pw_rounded **out);

/* panels.c: the same where the table has panels. What tiles of C pack themselves stays NULL: such a product is cut by
   the rows of A or by the columns of B alone. */
enum pw_packer { PW_PACKED_BEFORE, PW_TILES_PACK_A, PW_TILES_PACK_B };
enum pw_packer pw_packer_of(const struct pw_product *p);
pwy_status pw_pack_operands(struct pw_exec *x, const struct pw_product *list, int n, struct pw_rounded **out);
/* Memory for what tiles pack, of all workers, from x's arena; NULL: none. */
uint16_t *pw_panels_scratch(struct pw_exec *x);
/* The tile (m, n) of C at (row, col), multiples of PW_PANEL. */
void pw_multiply_panels(const struct pw_exec *x, const struct pw_product *p, const struct pw_rounded *r, int row,
                        int col, int m, int n, int worker, uint16_t *scratch);
#endif
