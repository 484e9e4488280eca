#include "redis_library.h"

#include <dlfcn.h>

#include "base/log.h"

struct redis_library hiredis;

/* The release whose headers this was compiled with. */
#define TEXT_OF(version) #version
#define SONAME(version) "libhiredis.so." TEXT_OF(version)

bool redis_library_load(void)
{
    static const char name[] = SONAME(HIREDIS_SONAME);
    void *library = hiredis.ReaderFeed ? NULL : dlopen(name, RTLD_NOW | RTLD_LOCAL);

    if (hiredis.ReaderFeed)
        return true;
    if (!library) {
        log_write(LOG_ERROR, "Redis needs a library that is not there", LOG_TEXT("why", dlerror()));
        return false;
    }
#define FIND(function) *(void **)&hiredis.function = dlsym(library, "redis" #function);
    REDIS_LIBRARY(FIND)
#undef FIND
    return true;
}
