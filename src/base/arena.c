/* An arena: a list of blocks, each beginning where the one before ends in the arena's own count of bytes. A mark is a
   point in that count, so giving back is moving to the block where it lies. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { FIRST_BLOCK = 4096, LARGEST_STEP = 64 << 20, ALIGN = 64 };

struct block { char *data; size_t base, used, cap; };

struct pw_arena { struct block *block; int n, at; };                /* block[0 .. n-1], those after `at` are empty */

struct pw_arena *pw_arena_new(void)
{
    return pw_calloc(1, sizeof(struct pw_arena));
}

void pw_arena_free(struct pw_arena *arena)
{
    if (arena == NULL)
        return;
    for (int i = 0; i < arena->n; i++)
        free(arena->block[i].data);
    free(arena->block);
    free(arena);
}

/* A new last block of at least `bytes`, as large as all before it together up to a limit. */
static struct block *grow(struct pw_arena *arena, size_t bytes)
{
    size_t base = arena->n == 0 ? 0 : arena->block[arena->n - 1].base + arena->block[arena->n - 1].cap;
    size_t cap = base < FIRST_BLOCK ? FIRST_BLOCK : base > LARGEST_STEP ? LARGEST_STEP : base;
    struct block *blocks = pw_realloc(arena->block, (size_t)arena->n + 1, sizeof *blocks);
    if (blocks == NULL)
        return NULL;
    arena->block = blocks;
    cap = cap < bytes ? bytes : cap;
    char *data = aligned_alloc(ALIGN, cap);
    if (data == NULL) {
        pw_fail_nomem(cap);
        return NULL;
    }
    blocks[arena->n] = (struct block){ data, base, 0, cap };
    arena->at = arena->n++;
    return &blocks[arena->at];
}

static struct block *room(struct pw_arena *arena, size_t bytes)
{
    for (int i = arena->at; i < arena->n; i++)
        if (arena->block[i].cap - arena->block[i].used >= bytes) {
            arena->at = i;
            return &arena->block[i];
        }
    return grow(arena, bytes);
}

void *pw_arena_take(struct pw_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGN) {
        pw_fail_nomem(SIZE_MAX);
        return NULL;
    }
    bytes = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct block *block = room(arena, bytes);
    if (block == NULL)
        return NULL;
    void *memory = block->data + block->used;
    block->used += bytes;
    return memory;
}

void *pw_arena_zero(struct pw_arena *arena, size_t count, size_t size)
{
    void *memory = pw_arena_take(arena, count, size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

size_t pw_arena_mark(const struct pw_arena *arena)
{
    return arena->n == 0 ? 0 : arena->block[arena->at].base + arena->block[arena->at].used;
}

void pw_arena_release(struct pw_arena *arena, size_t mark)
{
    if (arena->n == 0)
        return;
    while (arena->at > 0 && arena->block[arena->at].base >= mark)
        arena->block[arena->at--].used = 0;
    struct block *block = &arena->block[arena->at];
    if (mark - block->base < block->used)
        block->used = mark - block->base;
}

size_t pw_arena_size(const struct pw_arena *arena)
{
    return arena->n == 0 ? 0 : arena->block[arena->n - 1].base + arena->block[arena->n - 1].cap;
}

void pw_arena_reset(struct pw_arena *arena)
{
    pw_arena_release(arena, 0);
}
