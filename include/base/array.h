/* Arrays that grow by one thing at a time, with room for a power of two of them. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

/* With room for one more than the `count` things in it; NULL and 0 for an empty one. To be given to free(). Without
 * memory the process ends. */
void *array_grown(void *items, size_t count, size_t item_size);

/* A copy that may go on to grow so, in the place of `old`: see base/duplicate.h. NULL of an empty one. */
void *array_copy(void *old, const void *items, size_t count, size_t item_size);

#endif
