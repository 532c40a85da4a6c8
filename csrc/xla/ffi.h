/* What the handlers use of XLA's foreign function interface: the facts of its C ABI, version 0.1,
 * of which later versions extend the structs at their ends. Source: openxla/xla (Apache-2.0),
 * xla/ffi/api/c_api.h. JAX is not needed to build.
 */
#ifndef FG_XLA_FFI_H
#define FG_XLA_FFI_H

#include <stddef.h>
#include <stdint.h>

enum { FG_XLA_MAJOR = 0, FG_XLA_MINOR = 1 }; /* XLA takes handlers of older versions */

typedef struct fg_xla_extension {
    size_t struct_size;
    int type;
    struct fg_xla_extension *next;
} fg_xla_extension;

enum { FG_XLA_METADATA = 1 };

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    int major, minor;
} fg_xla_version;

typedef struct {
    size_t struct_size;
    fg_xla_version version;
    uint32_t traits;
} fg_xla_metadata;

typedef struct {
    fg_xla_extension base;
    fg_xla_metadata *metadata;
} fg_xla_metadata_extension;

typedef struct fg_xla_error fg_xla_error;

enum {
    FG_XLA_INVALID_ARGUMENT = 3,
    FG_XLA_RESOURCE_EXHAUSTED = 8,
    FG_XLA_INTERNAL = 13,
    FG_XLA_UNAVAILABLE = 14,
};

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    const char *message; /* copied */
    int code;
} fg_xla_error_args;

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    fg_xla_error *error;
} fg_xla_error_end;

/* A task for XLA's threads. It may also run at once, in the thread that schedules it. */
typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    void *context; /* that of the frame */
    void (*task)(void *data);
    void *data;
} fg_xla_task_args;

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    void *context;
    int64_t *count; /* set to the number of XLA's threads */
} fg_xla_count_args;

/* What is not used here is a void pointer. `struct_size` is smaller in an older XLA; that of
 * JAX 0.5 counts the first five functions only. */
typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    fg_xla_version version;
    const void *internal;
    fg_xla_error *(*make_error)(fg_xla_error_args *args);
    void *message_of_error;
    void (*end_error)(fg_xla_error_end *args);
    void *register_handler, *stream, *register_type, *of_context, *set_state, *state;
    void *allocate, *free;
    fg_xla_error *(*schedule)(fg_xla_task_args *args);
    fg_xla_error *(*count_threads)(fg_xla_count_args *args);
} fg_xla_api;

/* The types of elements that buffers may have here. */
enum fg_xla_dtype {
    FG_XLA_BOOL = 1,
    FG_XLA_S8 = 2,
    FG_XLA_S16 = 3,
    FG_XLA_S32 = 4,
    FG_XLA_S64 = 5,
    FG_XLA_U8 = 6,
    FG_XLA_U16 = 7,
    FG_XLA_U32 = 8,
    FG_XLA_U64 = 9,
    FG_XLA_F16 = 10,
    FG_XLA_F32 = 11,
    FG_XLA_F64 = 12,
    FG_XLA_BF16 = 16,
};

/* Contiguous, the last dimension innermost. */
typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    int dtype;
    void *data;
    int64_t rank;
    int64_t *dims;
} fg_xla_buffer;

typedef struct {
    const char *data;
    size_t size;
} fg_xla_text;

typedef struct {
    int dtype;
    size_t size;
    void *data;
} fg_xla_numbers;

/* Operands or results: `types` is 1 for a buffer. */
typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    int64_t size;
    int *types;
    fg_xla_buffer **buffers;
} fg_xla_buffers;

enum { FG_XLA_ARRAY = 1, FG_XLA_STRING = 4 };

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    int64_t size;
    int *types;
    fg_xla_text **names;
    void **values; /* an fg_xla_numbers of an FG_XLA_ARRAY, an fg_xla_text of an FG_XLA_STRING */
} fg_xla_attributes;

typedef struct {
    size_t struct_size;
    fg_xla_extension *extension;
    const fg_xla_api *api;
    void *context;
    int stage;
    fg_xla_buffers in, out;
    fg_xla_attributes attributes;
} fg_xla_frame;

/* NULL where all is well. */
typedef fg_xla_error *fg_xla_handler(fg_xla_frame *frame);

#endif
