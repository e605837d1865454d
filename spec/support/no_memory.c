/*
 * Preloaded: a malloc that has nothing for the extension while that is wanted,
 * and all for Ruby and ffi. What happens where a process has no memory left
 * depends on which of them asks first.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static _Thread_local int refuses;
static long refused;

void no_memory(int on) { refuses = on; }

long no_memory_refused(void) { return refused; }

static int is_refused(void *caller)
{
    Dl_info library;

    if (!refuses || !dladdr(caller, &library) || !strstr(library.dli_fname, "safe_pointer.so"))
        return 0;
    refused++;
    return 1;
}

void *malloc(size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *realloc(void *memory, size_t size)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
