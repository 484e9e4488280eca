/* Copies of large blocks, again and again. */
#ifndef BASE_DUPLICATE_H
#define BASE_DUPLICATE_H

#include <stddef.h>

/* Room for `room` bytes, of which the first `size` are a copy; to be given to free(). In the place of `old`, a block
 * that is not needed any more, where it fits; else that is freed. NULL where size is 0. Without memory the process
 * ends. */
void *duplicate(void *old, const void *from, size_t size, size_t room);

#endif
