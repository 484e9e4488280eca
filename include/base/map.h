/* A hash map from a 64-bit number to a pointer (never NULL). All zero is a valid empty map. Keys are mixed with a
 * secret of the process, so that nobody can choose keys that collide. Without memory the process ends: the number of
 * entries is limited by whoever puts them in. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key;
    void *value; /* NULL: the slot is free */
};

struct map {
    struct map_slot *slots;
    size_t size;
    size_t count;
};

void *map_find(const struct map *m, uint64_t key);

/* Puts value under key and returns what was there before, or NULL. */
void *map_put(struct map *m, uint64_t key, void *value);

/* Takes the entry out and returns its value, or NULL. */
void *map_remove(struct map *m, uint64_t key);

/* Walks all entries in no order: start with *at = 0; NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *m, size_t *at);

/* Frees the table, not the values. */
void map_release(struct map *m);

#endif
