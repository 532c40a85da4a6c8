/* Uses the thread pool from several callers with a changing number of threads, in nested jobs, in a
 * job that is stopped, and in children after fork. Prints a line and exits with 0 if all results
 * are right. .ci/sanitizers builds it with -fsanitize=thread. */
#define _GNU_SOURCE
#include "core/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 3000, CALLERS = 4, FORKS = 50, LARGEST = 97 };

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "failed: %s\n", what);
        abort();
    }
}

typedef struct {
    unsigned char hits[LARGEST];
    atomic_long sum;
} record;

static void hit(void *context, ptrdiff_t item)
{
    record *r = context;
    r->hits[item]++;
    atomic_fetch_add(&r->sum, item + 1);
}

static void check_job(ptrdiff_t items)
{
    record r;
    memset(r.hits, 0, sizeof r.hits);
    atomic_init(&r.sum, 0);
    require(fg_parallel(items, hit, &r, NULL) == 0, "a job nobody stopped was stopped");
    for (ptrdiff_t i = 0; i < items; i++)
        require(r.hits[i] == 1, "an item did not run exactly once");
    require(atomic_load(&r.sum) == items * (items + 1) / 2, "an item's effect was lost");
}

static void *many_jobs(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    for (int k = 0; k < JOBS; k++) {
        state = state * 1664525u + 1013904223u;
        check_job((ptrdiff_t)((state >> 8) % LARGEST));
    }
    return NULL;
}

static atomic_int changing = 1;

static void *change_count(void *unused)
{
    for (int n = 1; atomic_load(&changing); n = n % 8 + 1) {
        fastgen_set_num_threads(n);
        usleep(100);
    }
    return unused;
}

static void nested(void *context, ptrdiff_t item)
{
    check_job(item % LARGEST);
    atomic_fetch_add((atomic_long *)context, 1);
}

static int stop_at_once(void)
{
    return 1;
}

static void wait_10_ms(void *context, ptrdiff_t item)
{
    (void)item;
    usleep(10000);
    atomic_fetch_add((atomic_long *)context, 1);
}

int main(void)
{
    fastgen_set_num_threads(4);
    pthread_t callers[CALLERS], changer;
    pthread_create(&changer, NULL, change_count, NULL);
    for (size_t i = 0; i < CALLERS; i++)
        pthread_create(&callers[i], NULL, many_jobs, (void *)(i + 1));
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    atomic_store(&changing, 0);
    pthread_join(changer, NULL);
    fastgen_set_num_threads(4);

    atomic_long ran = 0;
    fg_parallel(500, nested, &ran, NULL);
    require(atomic_load(&ran) == 500, "a nested job was lost");

    ran = 0;
    require(fg_parallel(1000, wait_10_ms, &ran, stop_at_once) == 1,
            "a stopped job was not stopped");
    require(atomic_load(&ran) < 200, "a stopped job went on");

    for (int i = 0; i < FORKS; i++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            require(fastgen_get_num_threads() == 1, "a child has more than one thread");
            fastgen_set_num_threads(3);
            check_job(60);
            _exit(0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child failed");
        check_job(60);
    }
    puts("pool: every item ran once, whoever called, changed the count, forked or stopped it");
    return 0;
}
