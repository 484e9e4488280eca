#include "http_library.h"

#include <dlfcn.h>

#include "base/log.h"

struct http_library mhd;

bool http_library_load(void)
{
    static const char name[] = "libmicrohttpd.so.12";
    void *library = mhd.run ? NULL : dlopen(name, RTLD_NOW | RTLD_LOCAL);

    if (mhd.run)
        return true;
    if (!library) {
        log_write(LOG_ERROR, "HTTP needs a library that is not there", LOG_TEXT("why", dlerror()));
        return false;
    }
#define FIND(function) *(void **)&mhd.function = dlsym(library, "MHD_" #function);
    HTTP_LIBRARY(FIND)
#undef FIND
    return true;
}
