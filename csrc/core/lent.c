#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "core/lent.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/sync.h"

static _Thread_local const fg_lender *lender_of_thread;

/* A job inside of an item runs alone. */
static const fg_lender nobody = {1, NULL, NULL};

const fg_lender *fg_lend_threads(const fg_lender *lender)
{
    const fg_lender *const before = lender_of_thread;
    lender_of_thread = lender;
    return before;
}

const fg_lender *fg_lender_of_thread(void)
{
    return lender_of_thread;
}

/* On the heap, because a task may run after the call. */
typedef struct {
    pool_job job;
    atomic_int holders; /* the caller, and the tasks that have not ended; the last one frees */

    mutex guard;        /* of all below */
    condition finish;   /* the last task has left the job */
    bool open;          /* tasks may still join; what the job points to exists */
    atomic_int working; /* tasks that have joined and not yet left */
} lent_job;

static lent_job *new_job(const pool_job *job)
{
    lent_job *const lent = malloc(sizeof *lent);
    if (lent == NULL)
        return NULL;
    lent->job.task = job->task;
    lent->job.context = job->context;
    lent->job.items = job->items;
    atomic_init(&lent->job.next, 0);
    atomic_init(&lent->holders, 1);
    lent->guard = (mutex)MUTEX_INIT;
    lent->finish = (condition)CONDITION_INIT;
    lent->open = true;
    atomic_init(&lent->working, 0);
    return lent;
}

static void let_go(lent_job *lent)
{
    if (atomic_fetch_sub_explicit(&lent->holders, 1, memory_order_acq_rel) > 1)
        return;
    end_condition(&lent->finish);
    end_mutex(&lent->guard);
    free(lent);
}

static int work(lent_job *lent, fg_poll *poll)
{
    const fg_lender *const before = fg_lend_threads(&nobody);
    const int stop = fg_work_on(&lent->job, poll);
    fg_lend_threads(before);
    return stop;
}

static void help(void *data)
{
    lent_job *const lent = data;
    lock(&lent->guard);
    const bool joins = lent->open;
    if (joins)
        lent->working++;
    unlock(&lent->guard);
    if (joins) {
        work(lent, NULL);
        lock(&lent->guard);
        if (--lent->working == 0)
            wake_one(&lent->finish);
        unlock(&lent->guard);
    }
    let_go(lent);
}

static void ask_for_help(lent_job *lent, const fg_lender *lender, int helpers)
{
    for (int i = 0; i < helpers; i++) {
        atomic_fetch_add_explicit(&lent->holders, 1, memory_order_relaxed);
        if (!lender->schedule(lender->context, help, lent)) {
            let_go(lent);
            return;
        }
    }
}

static void close_job(lent_job *lent)
{
    lock(&lent->guard);
    lent->open = false;
    unlock(&lent->guard);
    fg_linger(&lent->working, true);
    lock(&lent->guard);
    while (lent->working != 0)
        sleep_on(&lent->finish, &lent->guard);
    unlock(&lent->guard);
}

int fg_work_with_lent(const pool_job *job, const fg_lender *lender, int helpers, fg_poll *poll)
{
    lent_job *const lent = new_job(job);
    if (lent == NULL) {
        pool_job alone = {job->task, job->context, job->items, 0};
        return fg_work_on(&alone, poll);
    }
    ask_for_help(lent, lender, helpers);
    const int stop = work(lent, poll);
    close_job(lent);
    let_go(lent);
    return stop;
}
