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
    size_t used;
} thread_block;

/* What lies in front of every piece. */
typedef struct {
    void *allocated; /* of a piece that did not fit in the block; else NULL */
    size_t before;   /* how much of the block was used before */
} piece;

#define ALIGNED(bytes) (((bytes) + FG_ALIGNMENT - 1) / FG_ALIGNMENT * FG_ALIGNMENT)

static void free_block(void *block)
{
    if (block != NULL)
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

#define get_block() FlsGetValue(key)
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

#define get_block() pthread_getspecific(key)
#define set_block(block) (pthread_setspecific(key, block) == 0)

#endif

/* The block lies in the memory that it describes. NULL: no memory, or no key is left. */
static thread_block *new_block(void)
{
    char *const allocated = malloc(BLOCK_BYTES);
    if (allocated == NULL)
        return NULL;
    char *const start = allocated + (FG_ALIGNMENT - (uintptr_t)allocated % FG_ALIGNMENT);
    thread_block *const block = (thread_block *)(void *)start;
    block->allocated = allocated;
    block->memory = start + ALIGNED(sizeof *block);
    block->used = 0;
    if (!set_block(block)) {
        free(allocated);
        return NULL;
    }
    return block;
}

static thread_block *block_of_thread(void)
{
    if (!has_key())
        return NULL;
    thread_block *const block = get_block();
    return block != NULL ? block : new_block();
}

static void *start_piece(char *memory, void *allocated, size_t before)
{
    piece *const header = (piece *)(void *)memory;
    header->allocated = allocated;
    header->before = before;
    return memory + FG_ALIGNMENT;
}

void *fg_scratch_take(size_t bytes)
{
    thread_block *const block = block_of_thread();
    if (bytes > SIZE_MAX / 2)
        return NULL;
    const size_t all = FG_ALIGNMENT + ALIGNED(bytes);
    if (block != NULL) {
        const size_t room =
            BLOCK_BYTES - (size_t)(block->memory - (char *)block->allocated) - block->used;
        if (all <= room) {
            char *const memory = block->memory + block->used;
            block->used += all;
            return start_piece(memory, NULL, block->used - all);
        }
    }
    char *const allocated = malloc(all + FG_ALIGNMENT);
    if (allocated == NULL)
        return NULL;
    return start_piece(allocated + (FG_ALIGNMENT - (uintptr_t)allocated % FG_ALIGNMENT), allocated,
                       0);
}

void fg_scratch_give(void *memory)
{
    if (memory == NULL)
        return;
    const piece *const header = (const piece *)(void *)((char *)memory - FG_ALIGNMENT);
    if (header->allocated != NULL)
        free(header->allocated);
    else
        ((thread_block *)get_block())->used = header->before;
}
