#if !defined(_WIN32) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS and madvise under -std=c11 */
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE 1
#endif

#include "buffers.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

enum {
    PLACES = 64,
    KEPT_MS = 5000,
    SPINS = 1000,
};

#define GRAIN ((size_t)64 << 10)     /* the largest page of the systems we know */
#define HUGE_PAGE ((size_t)2 << 20)  /* of x86-64, and of aarch64 with pages of 4 KiB */
#define HUGE_BYTES ((size_t)4 << 20) /* larger blocks get huge pages, as those of NumPy do */

/* What lies in front of every block. */
typedef struct {
    size_t bytes;    /* mapped, with this header; 0: from malloc */
    void *allocated; /* what free() takes */
    size_t room;     /* after this header */
} header;

_Static_assert(sizeof(header) <= FG_ALIGNMENT, "the header keeps blocks aligned");

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static uint64_t now_ms(void)
{
    return GetTickCount64();
}

static void *map(size_t bytes)
{
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void unmap(void *memory, size_t bytes)
{
    (void)bytes;
    VirtualFree(memory, 0, MEM_RELEASE);
}

#else

#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void unmap(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}

static void *map_plain(size_t bytes)
{
    void *const memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Large blocks begin at a huge page. What lies beside them is unmapped at once. */
static void *map(size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    if (bytes >= HUGE_BYTES) {
        char *const memory = map_plain(bytes + HUGE_PAGE);
        if (memory == NULL)
            return NULL;
        const size_t before = (HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE) % HUGE_PAGE;
        if (before > 0)
            munmap(memory, before);
        munmap(memory + before + bytes, HUGE_PAGE - before);
        madvise(memory + before, bytes, MADV_HUGEPAGE);
        return memory + before;
    }
#endif
    return map_plain(bytes);
}

#endif

typedef struct {
    header *block;
    uint64_t since; /* when it was given back */
} place;

static atomic_size_t limit;
static atomic_size_t kept;

static struct {
    atomic_flag taken; /* by the thread that reads or changes what follows */
    int count;
    place place[PLACES]; /* the oldest comes first */
} table = {ATOMIC_FLAG_INIT, 0, {{NULL, 0}}};

static bool try_lock(void)
{
    return !atomic_flag_test_and_set_explicit(&table.taken, memory_order_acquire);
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&table.taken, memory_order_release);
}

/* The table is held for less than a microsecond. Where its holder was interrupted, nobody waits
 * for it: a call can do without the table. */
static bool lock(void)
{
    for (int i = 0; i < SPINS; i++)
        if (try_lock())
            return true;
    return false;
}

/* Take block i out of the table. */
static header *taken_out(int i)
{
    header *const block = table.place[i].block;
    table.count--;
    memmove(&table.place[i], &table.place[i + 1], (size_t)(table.count - i) * sizeof(place));
    atomic_fetch_sub_explicit(&kept, block->bytes, memory_order_relaxed);
    return block;
}

/* Unmap the oldest blocks until `room` bytes have a place within the limit, and those that are too
 * old. The table is not held during a call of the system. */
static void make_room(size_t room)
{
    const uint64_t now = now_ms();
    for (;;) {
        if (!lock())
            return;
        const size_t most = atomic_load_explicit(&limit, memory_order_relaxed);
        const size_t held = atomic_load_explicit(&kept, memory_order_relaxed);
        const bool full = table.count == PLACES || held + room > most;
        header *oldest = NULL;
        if (table.count > 0 && (full || now - table.place[0].since > KEPT_MS))
            oldest = taken_out(0);
        unlock();
        if (oldest == NULL)
            return;
        unmap(oldest, oldest->bytes);
    }
}

static bool keep(header *block)
{
    if (block->bytes > atomic_load_explicit(&limit, memory_order_relaxed))
        return false;
    make_room(block->bytes);
    if (!lock())
        return false;
    const size_t held = atomic_load_explicit(&kept, memory_order_relaxed);
    const bool fits = table.count < PLACES &&
                      held + block->bytes <= atomic_load_explicit(&limit, memory_order_relaxed);
    if (fits) {
        table.place[table.count].block = block;
        table.place[table.count++].since = now_ms();
        atomic_fetch_add_explicit(&kept, block->bytes, memory_order_relaxed);
    }
    unlock();
    return fits;
}

/* The youngest block of this size, whose content is most likely in the caches; or NULL. */
static header *kept_block(size_t bytes)
{
    header *found = NULL;
    if (!lock())
        return NULL;
    for (int i = table.count - 1; i >= 0 && found == NULL; i--)
        if (table.place[i].block->bytes == bytes)
            found = taken_out(i);
    unlock();
    return found;
}

static void *after(header *block)
{
    return (char *)block + FG_ALIGNMENT;
}

static header *before(void *memory)
{
    return (header *)(void *)((char *)memory - FG_ALIGNMENT);
}

static void *take_small(size_t bytes)
{
    char *const allocated = malloc(bytes + 2 * (size_t)FG_ALIGNMENT);
    if (allocated == NULL)
        return NULL;
    char *const start =
        allocated + (FG_ALIGNMENT - (uintptr_t)allocated % FG_ALIGNMENT) % FG_ALIGNMENT;
    header *const block = (header *)(void *)start;
    *block = (header){0, allocated, bytes};
    return after(block);
}

void *fg_buffer_take(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    if (bytes < FG_BUFFER_BYTES)
        return take_small(bytes);
    const size_t all = (bytes + FG_ALIGNMENT + GRAIN - 1) / GRAIN * GRAIN;
    header *block = kept_block(all);
    if (block != NULL)
        return after(block);
    block = map(all);
    if (block == NULL) {
        fg_buffers_drop();
        block = map(all);
    }
    if (block == NULL)
        return NULL;
    *block = (header){all, NULL, all - FG_ALIGNMENT};
    return after(block);
}

void fg_buffer_give(void *memory)
{
    if (memory == NULL)
        return;
    header *const block = before(memory);
    if (block->bytes == 0)
        free(block->allocated);
    else if (!keep(block))
        unmap(block, block->bytes);
}

void *fg_buffer_resize(void *memory, size_t bytes)
{
    void *const other = fg_buffer_take(bytes);
    if (other == NULL || memory == NULL)
        return other;
    const size_t room = before(memory)->room;
    memcpy(other, memory, room < bytes ? room : bytes);
    fg_buffer_give(memory);
    return other;
}

void fg_buffers_drop(void)
{
    make_room(SIZE_MAX / 2);
}

size_t fg_buffer_limit(void)
{
    return atomic_load_explicit(&limit, memory_order_relaxed);
}

size_t fg_buffers_kept(void)
{
    return atomic_load_explicit(&kept, memory_order_relaxed);
}

#if !defined(_WIN32)

/* No other thread may be in the middle of a change of the table when the child gets its copy. */
static void before_fork(void)
{
    while (!try_lock())
        ;
}

static void in_child(void)
{
    for (int i = 0; i < table.count; i++)
        munmap(table.place[i].block, table.place[i].block->bytes);
    table.count = 0;
    atomic_store(&kept, 0);
    unlock();
}

#endif

static void watch_forks(void)
{
#if !defined(_WIN32)
    static atomic_flag watching = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&watching))
        pthread_atfork(before_fork, unlock, in_child);
#endif
}

void fg_set_buffer_limit(size_t bytes)
{
    watch_forks();
    atomic_store_explicit(&limit, bytes < SIZE_MAX / 2 ? bytes : SIZE_MAX / 2,
                          memory_order_relaxed);
    make_room(0);
}
