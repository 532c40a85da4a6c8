#include "xla/handlers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fpenv.h"
#include "xla/threads.h"

static const fg_xla_row *known_rows;
static size_t known_count;

void fg_xla_use_rows(const fg_xla_row *rows, size_t count)
{
    known_rows = rows;
    known_count = count;
}

/* XLA asks a handler for its version in a call of its own. */
static bool asks_for_version(const fg_xla_frame *frame)
{
    fg_xla_extension *const extension = frame->extension;
    if (extension == NULL || extension->type != FG_XLA_METADATA)
        return false;
    fg_xla_metadata *const metadata = ((fg_xla_metadata_extension *)extension)->metadata;
    metadata->version.major = FG_XLA_MAJOR;
    metadata->version.minor = FG_XLA_MINOR;
    return true;
}

static fg_xla_error *failure(const fg_xla_frame *frame, int code, const char *message)
{
    fg_xla_error_args args = {sizeof args, NULL, message, code};
    return frame->api->make_error(&args);
}

/* The attribute of a name, or NULL. */
static const void *attribute(const fg_xla_frame *frame, const char *name)
{
    const fg_xla_attributes *const all = &frame->attributes;
    const size_t size = strlen(name);
    for (int64_t i = 0; i < all->size; i++)
        if (all->names[i]->size == size && memcmp(all->names[i]->data, name, size) == 0)
            return all->values[i];
    return NULL;
}

static int compare_names(const void *name, const void *row)
{
    const fg_xla_text *const text = name;
    const char *const other = ((const fg_xla_row *)row)->name;
    const int order = strncmp(text->data, other, text->size);
    return order ? order : -(other[text->size] != '\0');
}

/* The row of a name. It is at `place`, unless the program was compiled with another version. */
static const fg_xla_row *find(const fg_xla_text *name, int64_t place)
{
    if (place >= 0 && (size_t)place < known_count && compare_names(name, &known_rows[place]) == 0)
        return &known_rows[place];
    return bsearch(name, known_rows, known_count, sizeof *known_rows, compare_names);
}

fg_xla_error *fg_xla_run_row(fg_xla_frame *frame)
{
    if (asks_for_version(frame))
        return NULL;
    const fg_xla_text *const name = attribute(frame, "row");
    const fg_xla_numbers *const integers = attribute(frame, "plan");
    const fg_xla_numbers *const doubles = attribute(frame, "numbers");
    if (name == NULL || integers == NULL || doubles == NULL || doubles->size < FG_MAX_OPTIONS)
        return failure(frame, FG_XLA_INVALID_ARGUMENT, "fastgen: a call lacks its attributes");
    fg_xla_plan plan = {integers->data, integers->size, doubles->data, doubles->size};
    const fg_xla_row *const row = find(name, fg_xla_next(&plan));
    const char *wrong = "this version of fastgen has no such operation";
    if (row != NULL) {
        fg_lender lender;
        const fg_lender *const before = fg_xla_lend_threads(frame, &lender);
        wrong = fg_xla_compute(row, frame, &plan);
        fg_lend_threads(before);
    }
    if (wrong == NULL)
        return NULL;
    char message[256];
    snprintf(message, sizeof message, "fastgen.%.*s: %s", (int)name->size, name->data, wrong);
    return failure(frame, FG_XLA_INTERNAL, message);
}

static _Atomic(fg_xla_callback *) callback;
static atomic_long calls_back;

long fg_xla_use_callback(fg_xla_callback *function)
{
    atomic_store(&callback, function);
    return atomic_load(&calls_back);
}

/* XLA's threads flush small numbers to zero; NumPy must not. */
fg_xla_error *fg_xla_call_back(fg_xla_frame *frame)
{
    if (asks_for_version(frame))
        return NULL;
    const fg_xla_text *const call = attribute(frame, "call");
    if (call == NULL)
        return failure(frame, FG_XLA_INVALID_ARGUMENT, "fastgen: a call lacks its attributes");
    char message[2048] = "fastgen: the interpreter is shutting down";
    int wrong = 1;
    atomic_fetch_add(&calls_back, 1);
    fg_xla_callback *const function = atomic_load(&callback);
    if (function != NULL) {
        fg_lender lender;
        const fg_lender *const before = fg_xla_lend_threads(frame, &lender);
        const fg_fpenv saved = fg_fpenv_pin();
        wrong = function(*call, &frame->in, &frame->out, message, sizeof message);
        fg_fpenv_restore(saved);
        fg_lend_threads(before);
    }
    atomic_fetch_sub(&calls_back, 1);
    const int code = function == NULL ? FG_XLA_UNAVAILABLE : FG_XLA_INTERNAL;
    return wrong ? failure(frame, code, message) : NULL;
}
