#include "base/digest.h"

#include <openssl/evp.h>

#include "base/check.h"

/* Fetching the algorithm costs more than hashing a request does; one context serves the one thread. */
static EVP_MD_CTX *start(void)
{
    static EVP_MD_CTX *ctx;
    static EVP_MD *md;

    if (!ctx) {
        ctx = EVP_MD_CTX_new();
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
        CHECK(ctx && md);
    }
    CHECK(EVP_DigestInit_ex2(ctx, md, NULL));
    return ctx;
}

static struct digest finish(EVP_MD_CTX *ctx)
{
    struct digest digest;

    CHECK(EVP_DigestFinal_ex(ctx, digest.bytes, NULL));
    return digest;
}

struct digest digest_of(struct bytes data)
{
    EVP_MD_CTX *ctx = start();

    CHECK(EVP_DigestUpdate(ctx, data.data, data.len));
    return finish(ctx);
}

struct digest digest_of_parts(const struct bytes *parts, size_t count)
{
    EVP_MD_CTX *ctx = start();

    for (size_t i = 0; i < count; i++) {
        uint64_t len = parts[i].len;

        CHECK(EVP_DigestUpdate(ctx, &len, sizeof len));
        CHECK(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len));
    }
    return finish(ctx);
}
