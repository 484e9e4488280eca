#include "postgres_library.h"

#include <dlfcn.h>

struct postgres_library pq;

const char *postgres_library_load(void)
{
    static const char name[] = "libpq.so.5";
    void *library = pq.status ? NULL : dlopen(name, RTLD_NOW | RTLD_LOCAL);

    if (pq.status)
        return NULL;
    if (!library)
        return dlerror();
#define FIND(function) *(void **)&pq.function = dlsym(library, "PQ" #function);
    POSTGRES_LIBRARY(FIND)
#undef FIND
    return NULL;
}
