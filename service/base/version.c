#include "base/version.h"

#define TEXT_OF(version) #version
#define TEXT(version) TEXT_OF(version)

const char outputd_version[] = TEXT(OUTPUTD_VERSION);
