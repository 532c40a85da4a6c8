/* A job of fg_parallel: what the files of the pool share. */
#ifndef FG_CORE_POOL_JOB_H
#define FG_CORE_POOL_JOB_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/pool.h"

typedef struct {
    fg_task *task;
    void *context;
    size_t items;
    atomic_size_t next; /* unsigned: every thread may count one past the last item */
} pool_job;

/* Runs items until none is left, or until poll asks to stop: then it returns 1. */
int fg_work_on(pool_job *job, fg_poll *poll);

/* Waits a moment, 5 to 20 microseconds, for the end of the last item, or for the next call of a
 * loop. To sleep and to be woken takes longer. After that moment the thread sleeps, so an idle pool
 * costs nothing. */
void fg_linger(atomic_int *count, bool until_zero);

#endif
