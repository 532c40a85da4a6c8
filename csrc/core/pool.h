/* The thread pool: items of one job, claimed one by one by the calling thread and its helpers.
 *
 * There is one pool per process. The caller always works too, so a job needs no helper to finish;
 * helpers are started when first wanted and sleep between jobs. A second caller, or a task that
 * itself calls fg_parallel, finds the pool taken and runs its items alone instead of waiting.
 * After a fork the child has no helpers and a count of 1.
 */
#ifndef FG_CORE_POOL_H
#define FG_CORE_POOL_H

#include <stddef.h>

#define FG_MAX_THREADS 256

#if defined(_WIN32)
#define FG_EXPORT __declspec(dllexport)
#else
#define FG_EXPORT __attribute__((visibility("default")))
#endif

/* Runs one item, on any thread, in the default floating-point environment. It must not fork. */
typedef void fg_task(void *context, ptrdiff_t item);

/* Called on the calling thread about every 50 ms, in its own floating-point environment; nonzero
 * asks to stop. */
typedef int fg_poll(void);

/* Runs task(context, 0 .. items-1), each once; returns 0, or 1 where poll asked to stop: items not
 * yet claimed are then skipped, claimed ones are finished first. poll may be NULL. */
int fg_parallel(ptrdiff_t items, fg_task *task, void *context, fg_poll *poll);

/* How many threads a job may use, the caller included; 1 until set. Clamped to 1..FG_MAX_THREADS.
 * Exported, because threadpoolctl looks them up by name. */
FG_EXPORT int fastgen_get_num_threads(void);
FG_EXPORT void fastgen_set_num_threads(int n);

#endif
