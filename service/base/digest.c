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

/* Small runs are gathered: an update costs as much as hashing a hundred bytes. */
struct gathered {
    EVP_MD_CTX *ctx;
    size_t len;
    uint8_t bytes[512];
};

static void flush(struct gathered *g)
{
    CHECK(EVP_DigestUpdate(g->ctx, g->bytes, g->len));
    g->len = 0;
}

static void gather(struct gathered *g, const void *data, size_t len)
{
    if (len > sizeof g->bytes - g->len)
        flush(g);
    if (len > sizeof g->bytes) {
        CHECK(EVP_DigestUpdate(g->ctx, data, len));
        return;
    }
    if (len)
        memcpy(g->bytes + g->len, data, len);
    g->len += len;
}

struct digest digest_of_parts(const struct bytes *parts, size_t count)
{
    struct gathered g;

    g.ctx = start();
    g.len = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t len = parts[i].len;

        gather(&g, &len, sizeof len);
        gather(&g, parts[i].data, parts[i].len);
    }
    flush(&g);
    return finish(g.ctx);
}
