/* Rows of a matrix in blocks, each an item of work. A sum over rows is one partial sum a block, added up in the order
   of the blocks; so its bits depend on the shape alone. Private to src/nn. */
#ifndef PW_ROWS_BLOCKS_H
#define PW_ROWS_BLOCKS_H
#include <string.h>
#include "kern/exec.h"

enum { PW_BLOCK_NUMBERS = 16384, PW_MOST_BLOCKS = 64 };

/* The rows in a block of a matrix of that width: about PW_BLOCK_NUMBERS numbers, and at most PW_MOST_BLOCKS blocks. */
static inline int pw_block_rows(int rows, int width)
{
    int by_size = PW_BLOCK_NUMBERS / (width > 0 ? width : 1), by_count = (rows + PW_MOST_BLOCKS - 1) / PW_MOST_BLOCKS;
    int most = by_size > by_count ? by_size : by_count;
    return most > 1 ? most : 1;
}

static inline int pw_block_count(int rows, int width)
{
    int block = pw_block_rows(rows, width);
    return (rows + block - 1) / block;
}

struct pw_span { int first, end; };

static inline struct pw_span pw_block_span(int rows, int width, int block)
{
    int size = pw_block_rows(rows, width), first = block * size;
    return (struct pw_span){ first, first + size < rows ? first + size : rows };
}

/* out += the partial sums (blocks, width), in order. */
static inline void pw_block_sum(const struct pw_exec *x, int blocks, int width, const real *partial, real *out)
{
    for (int i = 0; i < blocks; i++)
        x->kern->add(width, partial + (size_t)i * width, out);
}
#endif
