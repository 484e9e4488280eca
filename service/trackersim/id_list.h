/* Lists of tracker ids as people write them: "265489,1000-1999". */
#ifndef TRACKERSIM_ID_LIST_H
#define TRACKERSIM_ID_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_LIST_MAX = 1000000 }; /* ids in one list: about 400 MB of trackers */

/* Sorted, without repetitions. All zero: an empty list. */
struct id_list {
    int32_t *ids;
    size_t count;
};

/* Adds the ids of `text` (1 to 2147483647, single or FIRST-LAST, separated by commas) to the list. -EINVAL: not such
 * a text; -E2BIG: too many ids; -ENOMEM. After an error the list is as it was. */
int id_list_add(struct id_list *list, const char *text);

bool id_list_has(const struct id_list *list, int32_t id);
void id_list_release(struct id_list *list);

#endif
