#include "base/array.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/duplicate.h"

void *array_grown(void *items, size_t count, size_t item_size)
{
    if (count & (count - 1))
        return items;
    items = realloc(items, (count ? count * 2 : 1) * item_size);
    CHECK(items);
    return items;
}

void *array_copy(void *old, const void *items, size_t count, size_t item_size)
{
    size_t room = 1;

    while (room < count)
        room *= 2;
    return duplicate(old, items, count * item_size, room * item_size);
}
