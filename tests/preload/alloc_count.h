/* What alloc_count.so keeps in its file. */
#ifndef PRELOAD_ALLOC_COUNT_H
#define PRELOAD_ALLOC_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ALLOC_LAST = 32 };

struct alloc_count {
    _Atomic uint64_t count;    /* of calls to malloc, calloc and realloc */
    uint64_t last[ALLOC_LAST]; /* where the latest came from, as offsets in the program: call n is at n % ALLOC_LAST */
};

#endif
