/* SHA-256, by OpenSSL. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"

enum { DIGEST_SIZE = 32 };

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

struct digest digest_of(struct bytes data);

/* Over several runs, each preceded by its length, so that no two lists of runs give the same input. */
struct digest digest_of_parts(const struct bytes *parts, size_t count);

#endif
