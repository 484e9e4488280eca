#include "redis_library.h"

#include <dlfcn.h>

struct redis_library hiredis;

/* The release whose headers this was compiled with. */
#define TEXT_OF(version) #version
#define SONAME(version) "libhiredis.so." TEXT_OF(version)

const char *redis_library_load(void)
{
    static const char name[] = SONAME(HIREDIS_SONAME);
    void *library = hiredis.ReaderFeed ? NULL : dlopen(name, RTLD_NOW | RTLD_LOCAL);

    if (hiredis.ReaderFeed)
        return NULL;
    if (!library)
        return dlerror();
#define FIND(function) *(void **)&hiredis.function = dlsym(library, "redis" #function);
    REDIS_LIBRARY(FIND)
#undef FIND
    return NULL;
}
