#include "switches.h"

#include "wire/object.h"

bool switches_read(const char *text, char unknown, struct switches *switches)
{
    *switches = (struct switches){0};
    for (;; text += 2) {
        uint64_t bit = UINT64_C(1) << switches->count;

        if (switches->count == OBJECT_BOOLS_MAX || !*text || (*text != '0' && *text != '1' && *text != unknown))
            return false;
        switches->known |= *text != unknown ? bit : 0;
        switches->on |= *text == '1' ? bit : 0;
        switches->count++;
        if (text[1] == '\0')
            return true;
        if (text[1] != ',')
            return false;
    }
}
