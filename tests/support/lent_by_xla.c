/* What fg_xla_lend_threads makes of an XLA that lends threads, lends none, is too old, or fails.
 * Prints a line and exits with 0 if all is right. */
#include "xla/threads.h"

#include <stdio.h>
#include <stdlib.h>

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static int64_t threads;
static int failing, errors, ended, scheduled, ran, place;
static void *const context = &place;

static fg_xla_error *error_if_failing(void)
{
    errors += failing;
    return failing ? (fg_xla_error *)&errors : NULL;
}

static fg_xla_error *count_threads(fg_xla_count_args *args)
{
    require(args->struct_size == sizeof *args && args->context == context, "count: arguments");
    *args->count = threads;
    return error_if_failing();
}

static fg_xla_error *schedule(fg_xla_task_args *args)
{
    require(args->struct_size == sizeof *args && args->context == context, "schedule: arguments");
    scheduled++;
    if (!failing)
        args->task(args->data);
    return error_if_failing();
}

static void end_error(fg_xla_error_end *args)
{
    require(args->struct_size == sizeof *args, "end_error: arguments");
    require(args->error == (fg_xla_error *)&errors, "another error was ended");
    ended++;
}

static void run(void *unused, ptrdiff_t item)
{
    (void)unused, (void)item;
    ran++;
}

static const fg_lender *lent(fg_xla_api *api, fg_lender *lender)
{
    fg_xla_frame frame = {.struct_size = sizeof frame, .api = api, .context = context};
    static const fg_lender outer = {1, NULL, NULL};
    fg_lend_threads(&outer);
    require(fg_xla_lend_threads(&frame, lender) == &outer, "the lender before is another one");
    scheduled = ran = 0;
    const fg_lender *const found = fg_lender_of_thread();
    fg_parallel(50, run, NULL, NULL);
    require(ran == 50, "an item did not run once");
    return found;
}

int main(void)
{
    fg_lender lender;
    fg_xla_api api = {.struct_size = sizeof api, .version = {sizeof api.version, NULL, 0, 3}};
    api.end_error = end_error, api.schedule = schedule, api.count_threads = count_threads;
    fastgen_set_num_threads(1);
    threads = 4;
    require(lent(&api, &lender) == &lender && scheduled == 0, "set_num_threads(1) is ignored");
    fastgen_set_num_threads(8);
    require(lent(&api, &lender) == &lender && scheduled == 3, "4 threads are lent");
    threads = INT64_MAX;
    require(lent(&api, &lender) == &lender && scheduled == 7, "8 threads may run");

    fastgen_set_num_threads(1); /* where none are lent, the pool would run items side by side */
    threads = 0;
    require(lent(&api, &lender) == NULL, "no threads are lent");
    threads = 4, failing = 1;
    require(lent(&api, &lender) == NULL && errors == 1 && ended == 1, "the count fails");
    failing = 0;
    api.struct_size -= 1;
    require(lent(&api, &lender) == NULL, "this XLA is too old");
    api.struct_size += 1, api.version.major = 1;
    require(lent(&api, &lender) == NULL, "this XLA is too new");
    api.version.major = 0, api.schedule = NULL;
    require(lent(&api, &lender) == NULL, "this XLA has no function");

    api.schedule = schedule;
    fastgen_set_num_threads(8);
    fg_xla_frame frame = {.struct_size = sizeof frame, .api = &api, .context = context};
    fg_xla_lend_threads(&frame, &lender);
    failing = 1, scheduled = ran = 0;
    fg_parallel(50, run, NULL, NULL);
    require(ran == 50 && scheduled == 1, "after a failure, the caller works alone");
    require(errors == 2 && ended == 2, "an error was not ended");
    puts("lent by XLA: all is right");
    return 0;
}
