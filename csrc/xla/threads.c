#include "xla/threads.h"

/* Errors of XLA are objects. */
static bool done(const fg_xla_frame *frame, fg_xla_error *error)
{
    if (error == NULL)
        return true;
    fg_xla_error_end args = {sizeof args, NULL, error};
    frame->api->end_error(&args);
    return false;
}

static bool schedule(void *context, fg_lent_task *task, void *data)
{
    const fg_xla_frame *const frame = context;
    fg_xla_task_args args = {sizeof args, NULL, frame->context, task, data};
    return done(frame, frame->api->schedule(&args));
}

/* Returns 0 where XLA lends none: it is too old, or has no pool on this device. */
static int64_t count_threads(const fg_xla_frame *frame)
{
    const fg_xla_api *const api = frame->api;
    const size_t needed = offsetof(fg_xla_api, count_threads) + sizeof api->count_threads;
    if (api->struct_size < needed || api->version.major != FG_XLA_MAJOR)
        return 0;
    if (api->schedule == NULL || api->count_threads == NULL || api->end_error == NULL)
        return 0;
    int64_t count = 0;
    fg_xla_count_args args = {sizeof args, NULL, frame->context, &count};
    return done(frame, api->count_threads(&args)) ? count : 0;
}

const fg_lender *fg_xla_lend_threads(fg_xla_frame *frame, fg_lender *lender)
{
    const int64_t count = count_threads(frame);
    lender->threads = count < FG_MAX_THREADS ? (int)count : FG_MAX_THREADS;
    lender->schedule = schedule;
    lender->context = frame;
    return fg_lend_threads(count > 0 ? lender : NULL);
}
