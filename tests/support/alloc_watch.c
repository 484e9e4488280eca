#include "support/alloc_watch.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/sanitizer.h"

static atomic_ulong count;

unsigned long alloc_watch_count(void)
{
    return atomic_load(&count);
}

#if SANITIZED

void alloc_watch_without_jansson(void)
{
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *before, size_t size);
void __libc_free(void *thing);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_calloc(number, size);
}

void *realloc(void *before, size_t size)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return __libc_realloc(before, size);
}

void alloc_watch_without_jansson(void)
{
    json_set_alloc_funcs(__libc_malloc, __libc_free);
}

#endif
