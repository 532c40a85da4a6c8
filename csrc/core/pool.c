#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L /* pthread_sigmask and clock_gettime under -std=c11 */
#endif

#include "pool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fpenv.h"
#include "lent.h"
#include "pool_job.h"
#include "sync.h"

#define POLL_MS 50
#define MOMENT 500 /* pauses, of 10 to 40 ns each */
/* macOS gives 512 KiB to all threads but the first; below 2 MiB no huge page backs a stack. */
#define STACK_BYTES ((size_t)1 << 20)

static void help_forever(void);

static inline void pause_thread(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(_WIN32)

static uint64_t now_ms(void)
{
    return GetTickCount64();
}

static DWORD WINAPI helper(void *unused)
{
    (void)unused;
    help_forever();
    return 0;
}

static bool start_helper(void)
{
    HANDLE thread =
        CreateThread(NULL, STACK_BYTES, helper, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return thread != NULL && CloseHandle(thread);
}

#else

#include <signal.h>
#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void *helper(void *unused)
{
    (void)unused;
    help_forever();
    return NULL;
}

/* Signals go to the application's own threads, so that Ctrl-C reaches Python's main thread. Signals
 * of a fault in the thread itself are not blocked, so that faulthandler can report it. */
static void block_signals(sigset_t *saved)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, saved);
}

/* Detached: no one waits for a helper to end, so the end of the process cannot hang. */
static bool start_helper(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t saved;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    block_signals(&saved);
    int error = pthread_create(&thread, &attributes, helper, NULL);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

#endif

static struct {
    atomic_int threads;
    atomic_flag taken; /* held by the caller that uses the helpers, who alone touches `helpers` */
    int helpers;       /* started so far */

    mutex guard;      /* of all below */
    condition call;   /* there are seats */
    condition finish; /* the last helper has left the job */
    pool_job *job;
    atomic_int seats;   /* helpers that may still join the job */
    atomic_int working; /* helpers that have joined and not yet left it */
} pool = {1, ATOMIC_FLAG_INIT, 0, MUTEX_INIT, CONDITION_INIT, CONDITION_INIT, NULL, 0, 0};

static bool claim(pool_job *job, ptrdiff_t *item)
{
    if (atomic_load_explicit(&job->next, memory_order_relaxed) >= job->items)
        return false;
    size_t next = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
    *item = (ptrdiff_t)next;
    return next < job->items;
}

int fg_work_on(pool_job *job, fg_poll *poll)
{
    fg_fpenv saved = fg_fpenv_pin();
    uint64_t due = poll != NULL ? now_ms() + POLL_MS : 0;
    int stop = 0;
    ptrdiff_t item;
    while (!stop && claim(job, &item)) {
        job->task(job->context, item);
        if (poll == NULL || now_ms() < due)
            continue;
        fg_fpenv_restore(saved);
        stop = poll() != 0;
        saved = fg_fpenv_pin();
        due = now_ms() + POLL_MS;
    }
    if (stop)
        atomic_store_explicit(&job->next, job->items, memory_order_relaxed);
    fg_fpenv_restore(saved);
    return stop;
}

void fg_linger(atomic_int *count, bool until_zero)
{
    for (int i = 0; i < MOMENT; i++) {
        if ((atomic_load_explicit(count, memory_order_relaxed) == 0) == until_zero)
            return;
        pause_thread();
    }
}

static void help_forever(void)
{
    lock(&pool.guard);
    for (;;) {
        while (pool.seats == 0)
            sleep_on(&pool.call, &pool.guard);
        pool.seats--;
        pool.working++;
        pool_job *job = pool.job;
        unlock(&pool.guard);
        fg_work_on(job, NULL);
        lock(&pool.guard);
        if (--pool.working == 0)
            wake_one(&pool.finish);
        unlock(&pool.guard);
        fg_linger(&pool.seats, false);
        lock(&pool.guard);
    }
}

#if !defined(_WIN32)

/* The child of a fork has none of the parent's helpers, and a thread that no longer exists may hold
 * the guard. The child has one thread, because a program that forks workers wants one in each. */
static void start_afresh(void)
{
    atomic_store(&pool.threads, 1);
    atomic_flag_clear(&pool.taken);
    pool.helpers = 0;
    pool.seats = 0;
    pool.working = 0;
    pool.guard = (mutex)MUTEX_INIT;
    pool.call = (condition)CONDITION_INIT;
    pool.finish = (condition)CONDITION_INIT;
    fg_lend_threads(NULL);
}

#endif

static void watch_forks(void)
{
#if !defined(_WIN32)
    static atomic_flag watching = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&watching))
        pthread_atfork(NULL, NULL, start_afresh);
#endif
}

/* Where the system refuses a thread, the job runs with the helpers that exist. */
static int recruit(int wanted)
{
    if (pool.helpers < wanted)
        watch_forks();
    while (pool.helpers < wanted && start_helper())
        pool.helpers++;
    return pool.helpers < wanted ? pool.helpers : wanted;
}

/* A helper that wakes after the last item is claimed finds no seat, and the caller does not wait
 * for it. */
static int run_together(pool_job *job, int helpers, fg_poll *poll)
{
    lock(&pool.guard);
    pool.job = job;
    pool.seats = helpers;
    unlock(&pool.guard);
    for (int i = 0; i < helpers; i++)
        wake_one(&pool.call);

    int stop = fg_work_on(job, poll);

    lock(&pool.guard);
    pool.seats = 0;
    unlock(&pool.guard);
    fg_linger(&pool.working, true);
    lock(&pool.guard);
    while (pool.working != 0)
        sleep_on(&pool.finish, &pool.guard);
    unlock(&pool.guard);
    return stop;
}

int fg_parallel(ptrdiff_t items, fg_task *task, void *context, fg_poll *poll)
{
    pool_job job = {task, context, items > 0 ? (size_t)items : 0, 0};
    const fg_lender *const lender = fg_lender_of_thread();
    int threads = fastgen_get_num_threads();
    if (lender != NULL && lender->threads < threads)
        threads = lender->threads;
    if (items < threads)
        threads = (int)items;
    if (items <= 1)
        poll = NULL;
    if (threads > 1 && lender != NULL)
        return fg_work_with_lent(&job, lender, threads - 1, poll);
    if (threads <= 1 || atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire))
        return fg_work_on(&job, poll);
    int stop = run_together(&job, recruit(threads - 1), poll);
    atomic_flag_clear_explicit(&pool.taken, memory_order_release);
    return stop;
}

int fastgen_get_num_threads(void)
{
    return atomic_load_explicit(&pool.threads, memory_order_relaxed);
}

void fastgen_set_num_threads(int n)
{
    watch_forks();
    n = n < 1 ? 1 : n;
    n = n > FG_MAX_THREADS ? FG_MAX_THREADS : n;
    atomic_store_explicit(&pool.threads, n, memory_order_relaxed);
}
