/* Uses the memory of results from several threads and in children after fork, and lets blocks grow
 * old. Prints a line and exits with 0 if all is right. .ci/sanitizers builds it with
 * -fsanitize=thread. The source is included, because time must seem to pass. */
#include "core/buffers.c"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000, WORKERS = 4, FORKS = 10, HELD = 5, SIZES = 6 };

static const size_t STEP = (size_t)100 << 10;
static const size_t MOST = (size_t)1 << 20;

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "failed: %s\n", what);
        abort();
    }
}

/* A block is written at the start of each page, and at its end. */
static void fill(unsigned char *memory, size_t bytes, unsigned char value)
{
    for (size_t i = 0; i < bytes; i += 4096)
        memory[i] = value;
    memory[bytes - 1] = value;
}

static int holds(const unsigned char *memory, size_t bytes, unsigned char value)
{
    for (size_t i = 0; i < bytes; i += 4096)
        if (memory[i] != value)
            return 0;
    return 1;
}

static void *take_and_give(void *number)
{
    const unsigned char value = (unsigned char)(size_t)number;
    unsigned state = value;
    unsigned char *held[HELD] = {NULL};
    size_t bytes[HELD] = {0};
    for (int k = 0; k < ROUNDS; k++) {
        state = state * 1664525u + 1013904223u;
        const unsigned i = (state >> 8) % HELD;
        if (held[i] != NULL)
            require(holds(held[i], bytes[i], value) && held[i][bytes[i] - 1] == value,
                    "two threads have one block");
        fg_buffer_give(held[i]);
        bytes[i] = STEP * (1 + (state >> 16) % SIZES);
        held[i] = fg_buffer_take(bytes[i]);
        require(held[i] != NULL, "no memory");
        fill(held[i], bytes[i], value);
        require(fg_buffers_kept() <= MOST, "more is kept than the limit");
    }
    for (int i = 0; i < HELD; i++)
        fg_buffer_give(held[i]);
    return NULL;
}

static void check_threads(void)
{
    pthread_t worker[WORKERS];
    for (size_t i = 0; i < WORKERS; i++)
        require(pthread_create(&worker[i], NULL, take_and_give, (void *)(i + 1)) == 0, "no thread");
    for (int k = 0; k < FORKS; k++) {
        const pid_t child = fork();
        require(child >= 0, "no fork");
        if (child == 0) {
            require(fg_buffers_kept() == 0 && table.count == 0, "a child begins with blocks");
            take_and_give((void *)7);
            require(table.count > 0, "a child keeps nothing");
            _exit(0);
        }
        int status = 1;
        require(waitpid(child, &status, 0) == child && status == 0, "a child failed");
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(worker[i], NULL);
}

static void check_ages(void)
{
    fg_set_buffer_limit(0);
    fg_set_buffer_limit(MOST);
    void *const blocks[] = {fg_buffer_take(STEP), fg_buffer_take(2 * STEP)};
    fg_buffer_give(blocks[0]);
    fg_buffer_give(blocks[1]);
    require(table.count == 2, "two blocks are kept");
    table.place[0].since -= KEPT_MS / 2;
    fg_buffer_give(fg_buffer_take(3 * STEP));
    require(table.count == 3, "a block went too early");
    table.place[0].since -= KEPT_MS;
    fg_buffer_give(fg_buffer_take(3 * STEP));
    require(table.count == 2, "an old block stays");
    require(fg_buffer_take(2 * STEP) == blocks[1], "a young block went");
}

static void check_sizes(void)
{
    for (size_t bytes = 1; bytes < ((size_t)40 << 20); bytes = bytes * 3 + 7) {
        unsigned char *memory = fg_buffer_take(bytes);
        require(memory != NULL && (uintptr_t)memory % 64 == 0, "a block is not aligned");
        fill(memory, bytes, 3);
        unsigned char *const larger = fg_buffer_resize(memory, 2 * bytes);
        require(larger != NULL && holds(larger, bytes, 3), "a larger block has lost its content");
        fill(larger, 2 * bytes, 4);
        unsigned char *const smaller = fg_buffer_resize(larger, bytes / 2 + 1);
        require(smaller != NULL && holds(smaller, bytes / 2 + 1, 4), "a smaller block differs");
        fg_buffer_give(smaller);
    }
    require(fg_buffer_take(SIZE_MAX) == NULL, "there is no such memory");
    fg_buffer_give(NULL);
}

int main(void)
{
    fg_set_buffer_limit(MOST);
    check_threads();
    check_ages();
    check_sizes();
    fg_set_buffer_limit(0);
    require(fg_buffers_kept() == 0 && table.count == 0, "without a limit nothing is kept");
    printf("blocks are right\n");
    return 0;
}
