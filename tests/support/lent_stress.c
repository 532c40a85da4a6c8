/* Lends fg_parallel a pool of threads that starts tasks at once, late, after the call or within
 * `schedule`, that refuses them, and that is busy with the callers themselves. Prints a line and
 * exits with 0 if every item ran once, while its call ran. .ci/sanitizers builds it with
 * -fsanitize=thread and -fsanitize=address.
 */
#define _GNU_SOURCE
#include "core/lent.h"

#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, CALLERS = 3, LARGEST = 61, JOBS = 300, QUEUE = 1 << 16 };
enum way { AT_ONCE, LATE, AFTERWARDS, WITHIN, REFUSED, SOME_REFUSED, WAYS };

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "failed: %s\n", what);
        abort();
    }
}

typedef struct {
    fg_lent_task *task;
    void *data;
} entry;

/* The lender: a queue, and the threads that take from it. */
static struct {
    pthread_mutex_t guard;
    pthread_cond_t call, idle;
    entry queue[QUEUE];
    unsigned first, count, running;
    int held, ended; /* held: nothing starts */
    atomic_long helped;
} lent = {.guard = PTHREAD_MUTEX_INITIALIZER,
          .call = PTHREAD_COND_INITIALIZER,
          .idle = PTHREAD_COND_INITIALIZER};

static void push(fg_lent_task *task, void *data)
{
    pthread_mutex_lock(&lent.guard);
    require(lent.count < QUEUE, "the queue is full");
    lent.queue[(lent.first + lent.count++) % QUEUE] = (entry){task, data};
    pthread_cond_signal(&lent.call);
    pthread_mutex_unlock(&lent.guard);
}

/* Rounds upwards, as nothing in an item may. */
static void *serve(void *unused)
{
    fesetround(FE_UPWARD);
    pthread_mutex_lock(&lent.guard);
    while (1) {
        while (!lent.ended && (lent.held || lent.count == 0))
            pthread_cond_wait(&lent.call, &lent.guard);
        if (lent.ended)
            break;
        const entry next = lent.queue[lent.first++ % QUEUE];
        lent.count--;
        lent.running++;
        pthread_mutex_unlock(&lent.guard);
        next.task(next.data);
        pthread_mutex_lock(&lent.guard);
        lent.running--;
        if (lent.count + lent.running == 0)
            pthread_cond_broadcast(&lent.idle);
    }
    pthread_mutex_unlock(&lent.guard);
    return unused;
}

static void hold(int held)
{
    pthread_mutex_lock(&lent.guard);
    lent.held = held;
    pthread_cond_broadcast(&lent.call);
    pthread_mutex_unlock(&lent.guard);
}

static void wait_until_idle(void)
{
    pthread_mutex_lock(&lent.guard);
    while (lent.count + lent.running > 0)
        pthread_cond_wait(&lent.idle, &lent.guard);
    pthread_mutex_unlock(&lent.guard);
}

typedef struct {
    fg_lent_task *task;
    void *data;
} delayed;

static void run_delayed(void *data)
{
    const delayed own = *(delayed *)data;
    free(data);
    usleep((unsigned)((size_t)own.data / 64 % 50));
    own.task(own.data);
}

static bool schedule(void *context, fg_lent_task *task, void *data)
{
    static atomic_uint calls;
    switch (*(enum way *)context) {
    case REFUSED: return false;
    case WITHIN: task(data); return true;
    case SOME_REFUSED:
        if (atomic_fetch_add(&calls, 1) % 2)
            return false;
        break;
    case LATE: {
        delayed *const own = malloc(sizeof *own);
        *own = (delayed){task, data};
        push(run_delayed, own);
        return true;
    }
    default: break;
    }
    push(task, data);
    return true;
}

typedef struct {
    pthread_t caller;
    unsigned char hits[LARGEST];
    atomic_long sum;
} record;

static void hit(void *context, ptrdiff_t item)
{
    static volatile double one = 1, little = 1e-20;
    record *const r = context;
    require(one + little == 1, "an item rounds upwards");
    if (!pthread_equal(r->caller, pthread_self()))
        atomic_fetch_add(&lent.helped, 1);
    if (item % 16 == 3)
        usleep(30); /* so that the others get items, and the caller waits for the last one */
    r->hits[item]++;
    atomic_fetch_add(&r->sum, item + 1);
}

/* The record is freed at once, so a task that comes later must not look at it. */
static void check_job(ptrdiff_t items)
{
    record *const r = calloc(1, sizeof *r);
    r->caller = pthread_self();
    require(fg_parallel(items, hit, r, NULL) == 0, "a job nobody stopped was stopped");
    for (ptrdiff_t i = 0; i < items; i++)
        require(r->hits[i] == 1, "an item did not run exactly once");
    require(atomic_load(&r->sum) == items * (items + 1) / 2, "an item's effect was lost");
    free(r);
}

static void many_jobs(enum way way)
{
    const fg_lender lender = {WORKERS, schedule, &way};
    require(fg_lend_threads(&lender) == NULL, "there was a lender");
    unsigned state = 1;
    for (int k = 0; k < JOBS; k++) {
        state = state * 1664525u + 1013904223u;
        check_job((ptrdiff_t)((state >> 8) % LARGEST));
    }
    require(fg_lend_threads(NULL) == &lender, "the lender is another one");
}

static void *call_in_every_way(void *unused)
{
    for (int way = 0; way < WAYS; way++)
        many_jobs((enum way)way);
    return unused;
}

static void nested(void *context, ptrdiff_t item)
{
    (void)context;
    check_job(item % LARGEST);
}

static void wait_a_little(void *context, ptrdiff_t item)
{
    (void)item;
    usleep(1000);
    atomic_fetch_add((atomic_long *)context, 1);
}

static int stop_at_once(void)
{
    return 1;
}

/* The callers are tasks of the pool: all of its threads, and as many again, which wait. */
static void call_as_task(void *left)
{
    enum way way = AT_ONCE;
    const fg_lender lender = {WORKERS, schedule, &way};
    fg_lend_threads(&lender);
    for (int k = 0; k < 200; k++)
        check_job(k % LARGEST);
    fg_lend_threads(NULL);
    atomic_fetch_sub((atomic_int *)left, 1);
}

static void check_busy_pool(void)
{
    atomic_int left = 2 * WORKERS;
    for (int i = 0; i < 2 * WORKERS; i++)
        push(call_as_task, &left);
    wait_until_idle();
    require(atomic_load(&left) == 0, "a caller in the pool did not end");
}

static void check_count(void)
{
    enum way way = AT_ONCE;
    const fg_lender lender = {WORKERS, schedule, &way}, single = {1, schedule, &way};
    hold(1);
    fg_lend_threads(&lender);
    fastgen_set_num_threads(1);
    check_job(20);
    require(lent.count == 0, "a single thread asked for help");
    fastgen_set_num_threads(3);
    check_job(20);
    require(lent.count == 2, "three threads did not ask for two");
    check_job(2);
    require(lent.count == 3, "two items did not ask for one thread");
    fastgen_set_num_threads(8);
    check_job(20);
    require(lent.count == 2 + 1 + WORKERS - 1, "more threads than the lender has");
    fg_lend_threads(&single);
    check_job(20);
    require(lent.count == 2 + 1 + WORKERS - 1, "a lender of one thread was asked");
    fg_lend_threads(NULL);
    hold(0);
    wait_until_idle();
}

static void check_nested_and_stopped(void)
{
    enum way way = AT_ONCE;
    const fg_lender lender = {WORKERS, schedule, &way};
    fg_lend_threads(&lender);
    fg_parallel(300, nested, NULL, NULL);
    atomic_long ran = 0;
    const int stopped = fg_parallel(1000, wait_a_little, &ran, stop_at_once);
    require(stopped == 1, "a stopped job was not stopped");
    require(atomic_load(&ran) < 900, "a stopped job went on");
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        require(fg_lender_of_thread() == NULL, "a child has threads of its parent");
        fastgen_set_num_threads(3);
        check_job(60);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child failed");
    fg_lend_threads(NULL);
}

int main(void)
{
    pthread_t workers[WORKERS], callers[CALLERS];
    alarm(100);
    fastgen_set_num_threads(8);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, serve, NULL);
    check_count();

    hold(1);
    many_jobs(AFTERWARDS); /* no task starts before all calls have ended */
    require(lent.count > JOBS, "nothing was left to start");
    hold(0);
    wait_until_idle();
    require(atomic_load(&lent.helped) == 0, "a task of an ended call ran an item");

    for (int i = 0; i < CALLERS; i++)
        pthread_create(&callers[i], NULL, call_in_every_way, NULL);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    wait_until_idle();
    require(atomic_load(&lent.helped) > 0, "no lent thread ever helped");
    check_busy_pool();
    check_nested_and_stopped();

    wait_until_idle();
    pthread_mutex_lock(&lent.guard);
    lent.ended = 1;
    pthread_cond_broadcast(&lent.call);
    pthread_mutex_unlock(&lent.guard);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    puts("lent threads: every item ran once, while its call ran");
    return 0;
}
