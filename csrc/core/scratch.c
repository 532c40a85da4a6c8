#include "core/scratch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    BLOCK_BYTES = 768 << 10, /* room for a call with the most operands there can be */
};

typedef struct {
    void *allocated; /* what free() takes */
    char *memory;    /* the first aligned address in it */
    size_t used, room;
} thread_block;

/* What lies in front of every piece. */
typedef struct {
    void *allocated;     /* of a piece that did not fit in the block; else NULL */
    thread_block *block; /* of a piece that did */
    size_t before;       /* how much of the block was used before */
} piece;

/* A key of the system frees the block when the thread ends; finding the block by it would take
 * longer. */
static _Thread_local thread_block *block_of_thread;

#define ALIGNED(bytes) (((bytes) + FG_ALIGNMENT - 1) / FG_ALIGNMENT * FG_ALIGNMENT)

static void free_block(void *block)
{
    if (block == NULL)
        return;
    block_of_thread = NULL;
    free(((thread_block *)block)->allocated);
}

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static DWORD key;

static void WINAPI free_at_end(void *block)
{
    free_block(block);
}

static BOOL CALLBACK make_key(INIT_ONCE *unused, void *parameter, void **context)
{
    (void)unused, (void)parameter, (void)context;
    key = FlsAlloc(free_at_end);
    return key != FLS_OUT_OF_INDEXES;
}

static bool has_key(void)
{
    return InitOnceExecuteOnce(&once, make_key, NULL, NULL) != 0;
}

#define set_block(block) (FlsSetValue(key, block) != 0)

#else

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_made;

static void make_key(void)
{
    key_made = pthread_key_create(&key, free_block) == 0;
}

static bool has_key(void)
{
    return pthread_once(&once, make_key) == 0 && key_made;
}

#define set_block(block) (pthread_setspecific(key, block) == 0)

#endif

/* The block lies in the memory that it describes. NULL: no memory, or no key is left. */
static thread_block *new_block(void)
{
    if (!has_key())
        return NULL;
    char *const allocated = malloc(BLOCK_BYTES);
    if (allocated == NULL)
        return NULL;
    char *const start = allocated + (FG_ALIGNMENT - (uintptr_t)allocated % FG_ALIGNMENT);
    thread_block *const block = (thread_block *)(void *)start;
    block->allocated = allocated;
    block->memory = start + ALIGNED(sizeof *block);
    block->used = 0;
    block->room = BLOCK_BYTES - (size_t)(block->memory - allocated);
    if (!set_block(block)) {
        free(allocated);
        return NULL;
    }
    block_of_thread = block;
    return block;
}

static void *start_piece(char *memory, void *allocated, thread_block *block, size_t before)
{
    piece *const header = (piece *)(void *)memory;
    header->allocated = allocated;
    header->block = block;
    header->before = before;
    return memory + FG_ALIGNMENT;
}

void *fg_scratch_take(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    thread_block *block = block_of_thread;
    if (block == NULL)
        block = new_block();
    const size_t all = FG_ALIGNMENT + ALIGNED(bytes);
    if (block != NULL && all <= block->room - block->used) {
        const size_t before = block->used;
        block->used += all;
        return start_piece(block->memory + before, NULL, block, before);
    }
    char *const allocated = malloc(all + FG_ALIGNMENT);
    if (allocated == NULL)
        return NULL;
    return start_piece(allocated + (FG_ALIGNMENT - (uintptr_t)allocated % FG_ALIGNMENT), allocated,
                       NULL, 0);
}

void fg_scratch_give(void *memory)
{
    if (memory == NULL)
        return;
    const piece *const header = (const piece *)(void *)((char *)memory - FG_ALIGNMENT);
    if (header->block != NULL)
        header->block->used = header->before;
    else
        free(header->allocated);
}
