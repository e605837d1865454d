/*
 * The witness of the specs: memory which knows how often it was released.
 *
 * Every handle is a real malloc'ed block. A released block is filled with
 * 0xdd and kept for the rest of the process, so no later handle can have its
 * address and make a second release look like a first one.
 *
 * A handle starts with one reference; each release takes one. A release too
 * many writes a line to stderr; in a child, where the handle has a log, it
 * aborts the process, and in the process of the suite it is counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 4096
#define NAME_SIZE 32

struct handle {
    struct handle *next;
    void *block;
    size_t size;
    int references;
    int log_fd; /* the log it was made under: a child must not log what its parent made */
    char name[NAME_SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static struct handle *handles[BUCKETS];
static long created, released, excess;
static int log_fd = -1;
static char signature[NAME_SIZE]; /* of this process, where several write to one log */
static char signature_of_fork[NAME_SIZE];
static int gate_closed, waiting;
static struct {
    long count, in_gc;
    long long sum;
    int log_fd;
} numbers = { .log_fd = -1 };

static struct handle **bucket_of(const void *block)
{
    return &handles[((uintptr_t)block >> 4) % BUCKETS];
}

static struct handle *find(const void *block)
{
    struct handle *handle = *bucket_of(block);

    while (handle && handle->block != block)
        handle = handle->next;
    return handle;
}

static void complain(const char *what, const void *block, const struct handle *handle)
{
    fprintf(stderr, "oracle: %s: %p %s\n", what, block, handle ? handle->name : "");
    fflush(stderr);
}

static void die(const char *what, const void *block, const struct handle *handle)
{
    complain(what, block, handle);
    abort();
}

/* Ruby makes its pipes non-blocking, and the handler of a signal interrupts: neither is a fault. */
static void write_log(int fd, const char *line, int length, const struct handle *handle)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };

    while (length > 0) {
        ssize_t written = write(fd, line, (size_t)length);

        if (written >= 0) {
            line += written;
            length -= (int)written;
        } else if (errno == EAGAIN) {
            poll(&writable, 1, -1); /* the suite reads what comes, while the process that logs runs */
        } else if (errno != EINTR) {
            die("cannot write the log", NULL, handle);
        }
    }
}

/* Not buffered: what is logged survives a crash right after it. */
static void log_event(const char *event, const struct handle *handle)
{
    char line[NAME_SIZE * 3];
    const char *name = handle ? handle->name : "";
    int fd = handle ? handle->log_fd : log_fd;
    int length = snprintf(line, sizeof line, "%s%s%s%s%s\n", event, *name ? " " : "", name, *signature ? " " : "",
                          signature);

    if (fd >= 0)
        write_log(fd, line, length, handle);
}

void oracle_log_to(int fd)
{
    log_fd = fd;
    numbers.log_fd = dup(fd); /* for when Ruby has closed its own */
}

void oracle_sign(const char *name)
{
    strncpy(signature, name, NAME_SIZE - 1);
}

/* That of the next process that is forked, before any Ruby runs there: a finalizer may be the first. */
void oracle_sign_fork(const char *name)
{
    strncpy(signature_of_fork, name, NAME_SIZE - 1);
}

static void forked(void)
{
    if (*signature_of_fork)
        memcpy(signature, signature_of_fork, NAME_SIZE);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

void *oracle_new(size_t size, const char *name)
{
    struct handle *handle = calloc(1, sizeof *handle);
    struct handle **bucket;

    handle->block = calloc(1, size ? size : 1);
    handle->size = size;
    handle->references = 1;
    handle->log_fd = log_fd;
    if (name)
        strncpy(handle->name, name, NAME_SIZE - 1);

    pthread_mutex_lock(&lock);
    bucket = bucket_of(handle->block);
    handle->next = *bucket;
    *bucket = handle;
    created++;
    pthread_mutex_unlock(&lock);
    return handle->block;
}

/* One more owner: the block now wants one release more. */
void oracle_reference(void *block)
{
    struct handle *handle;

    pthread_mutex_lock(&lock);
    handle = find(block);
    if (!handle || handle->references == 0)
        die("reference to a dead pointer", block, handle);
    handle->references++;
    pthread_mutex_unlock(&lock);
}

void oracle_free(void *block)
{
    struct handle *handle;

    pthread_mutex_lock(&lock);
    handle = find(block);
    if (!block) {
        log_event("released_null", NULL);
    } else if (!handle) {
        die("release of an unknown pointer", block, NULL);
    } else {
        log_event("released", handle);
        if (handle->references == 0) {
            complain("one release too many", block, handle);
            if (handle->log_fd >= 0)
                abort();
            excess++;
        } else if (--handle->references == 0) {
            memset(block, 0xdd, handle->size);
            released++;
        }
    }
    pthread_mutex_unlock(&lock);
}

/* A release which takes until the gate opens. Attach it as blocking. */
void oracle_free_at_gate(void *block)
{
    pthread_mutex_lock(&lock);
    log_event("at_gate", find(block));
    waiting++;
    while (gate_closed)
        pthread_cond_wait(&gate_opened, &lock);
    waiting--;
    pthread_mutex_unlock(&lock);
    oracle_free(block);
}

static void (*callback)(void *);

void oracle_call_back(void (*function)(void *))
{
    callback = function;
}

/* A release that calls the program first. */
void oracle_free_calling_back(void *block)
{
    callback(block);
    oracle_free(block);
}

void oracle_close_gate(void)
{
    pthread_mutex_lock(&lock);
    gate_closed = 1;
    pthread_mutex_unlock(&lock);
}

void oracle_open_gate(void)
{
    pthread_mutex_lock(&lock);
    gate_closed = 0;
    pthread_cond_broadcast(&gate_opened);
    pthread_mutex_unlock(&lock);
}

static long read_counter(const long *counter)
{
    long value;

    pthread_mutex_lock(&lock);
    value = *counter;
    pthread_mutex_unlock(&lock);
    return value;
}

int oracle_waiting(void)
{
    int value;

    pthread_mutex_lock(&lock);
    value = waiting;
    pthread_mutex_unlock(&lock);
    return value;
}

long oracle_created(void) { return read_counter(&created); }
long oracle_released(void) { return read_counter(&released); }
long oracle_excess(void) { return read_counter(&excess); }
long oracle_live(void) { return oracle_created() - oracle_released(); }

/*
 * A release of what is no memory but a number: for so many that handles would take too long. Counts them, adds them
 * up, and counts those that come in the midst of a garbage collection.
 */

void oracle_count(void *number)
{
    int (*during_gc)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "rb_during_gc");

    pthread_mutex_lock(&lock);
    numbers.count++;
    numbers.sum += (long long)(uintptr_t)number;
    numbers.in_gc += !during_gc || during_gc();
    pthread_mutex_unlock(&lock);
}

long oracle_counted(void) { return read_counter(&numbers.count); }
long oracle_counted_in_gc(void) { return read_counter(&numbers.in_gc); }

/* The last word of a process that has counted: Ruby is gone by then. */
__attribute__((destructor)) static void log_numbers(void)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%ld %lld %ld\n", numbers.count, numbers.sum, numbers.in_gc);

    if (numbers.count > 0 && numbers.log_fd >= 0)
        write_log(numbers.log_fd, line, length, NULL);
}

/* What a C function sees of its argument. */
uintptr_t oracle_address(const void *block) { return (uintptr_t)block; }
