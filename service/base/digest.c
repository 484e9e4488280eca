#include "base/digest.h"

/* Of OpenSSL's ways to hash this is the one that allocates nothing: EVP makes a context anew for each digest, also
 * where it is given one to use again. It is deprecated for what it lacks, which is to be replaced by a provider's. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/check.h"

static struct digest finish(SHA256_CTX *ctx)
{
    struct digest digest;

    CHECK(SHA256_Final(digest.bytes, ctx));
    return digest;
}

struct digest digest_of(struct bytes data)
{
    SHA256_CTX ctx;

    CHECK(SHA256_Init(&ctx) && SHA256_Update(&ctx, data.data, data.len));
    return finish(&ctx);
}

struct digest digest_of_parts(const struct bytes *parts, size_t count)
{
    SHA256_CTX ctx;

    CHECK(SHA256_Init(&ctx));
    for (size_t i = 0; i < count; i++) {
        uint64_t len = parts[i].len;

        CHECK(SHA256_Update(&ctx, &len, sizeof len));
        CHECK(SHA256_Update(&ctx, parts[i].data, parts[i].len));
    }
    return finish(&ctx);
}
