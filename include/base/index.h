/* Finds things that lie in an array by a key that they hold: a hash table of their numbers, four bytes a slot. Where
 * a map would take 16 bytes a slot for key and pointer, this takes what a million things can afford.
 *
 * Things are numbered from 1. The keys stay with the things: whoever owns the array tells them, all of them different.
 * All zero is a valid empty index. Without memory the process ends. */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index {
    uint32_t *slots; /* 0: free */
    size_t size;     /* a power of two, or 0 */
    size_t count;
};

/* The key of thing `number` of the array behind ctx. */
typedef uint64_t index_key_fn(const void *ctx, uint32_t number);

/* The number of the thing with this key, 0 where there is none. */
uint32_t index_find(const struct index *x, uint64_t key, index_key_fn *key_of, const void *ctx);

/* Puts a thing in whose key is not there yet. Its key, and those of all others, are asked for when the table grows. */
void index_put(struct index *x, uint32_t number, index_key_fn *key_of, const void *ctx);

/* Takes a thing out that is there. Its key must still be told. */
void index_remove(struct index *x, uint32_t number, index_key_fn *key_of, const void *ctx);

/* Makes room for so many things at once: putting them in one by one grows the table again and again. */
void index_reserve(struct index *x, size_t count, index_key_fn *key_of, const void *ctx);

/* Makes it one of the same numbers as another has, for a copy of the array; what was in it is gone. */
void index_copy(struct index *x, const struct index *from);

void index_release(struct index *x);

#endif
