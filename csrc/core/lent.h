/* Threads of another library, lent to the calls of one thread.
 *
 * A program that already has a pool of threads lends it, so that two pools do not fight for the
 * CPUs. fg_parallel then gives that pool tasks, and works too. It waits only for tasks that run. So
 * it ends even if it runs in that pool and no other thread of it is ever free: then it does all
 * items by itself. A task that the pool runs later finds the job closed, and touches nothing of
 * the call.
 */
#ifndef FG_CORE_LENT_H
#define FG_CORE_LENT_H

#include <stdbool.h>

#include "core/pool_job.h"

/* The lender runs task(data) once: on any thread, at any time, also within `schedule`. */
typedef void fg_lent_task(void *data);

typedef struct {
    int threads; /* how many threads may work on a call, the calling thread included */
    bool (*schedule)(void *context, fg_lent_task *task, void *data); /* false: it will not run */
    void *context;
} fg_lender;

/* From now on, fg_parallel in this thread uses these threads instead of the pool. NULL: the pool.
 * Returns what it used before. The lender must live until another call takes its place. */
const fg_lender *fg_lend_threads(const fg_lender *lender);
const fg_lender *fg_lender_of_thread(void);

/* Runs a job with up to `helpers` tasks of the lender. Returns what fg_parallel does. */
int fg_work_with_lent(const pool_job *job, const fg_lender *lender, int helpers, fg_poll *poll);

#endif
