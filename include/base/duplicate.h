/* Copies of large blocks. */
#ifndef BASE_DUPLICATE_H
#define BASE_DUPLICATE_H

#include <stddef.h>

/* Room for `room` bytes, of which the first `size` are a copy; to be given to free(). NULL where size is 0. Without
 * memory the process ends. */
void *duplicate(const void *from, size_t size, size_t room);

#endif
