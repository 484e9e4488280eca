#include "core/rate.h"

#include <stdlib.h>

#include "base/check.h"

struct bucket {
    double tokens;
    uint64_t filled_ms; /* when tokens was right */
};

static struct bucket *bucket_of(struct rates *rates, int32_t user_id, double burst, uint64_t now_ms)
{
    struct bucket *bucket = map_find(&rates->buckets, (uint64_t)user_id);

    if (!bucket) {
        bucket = malloc(sizeof *bucket);
        CHECK(bucket);
        *bucket = (struct bucket){.tokens = burst, .filled_ms = now_ms};
        map_put(&rates->buckets, (uint64_t)user_id, bucket);
    }
    return bucket;
}

bool rates_take(struct rates *rates, int32_t user_id, double per_second, double burst, uint64_t now_ms)
{
    struct bucket *bucket = bucket_of(rates, user_id, burst, now_ms);

    bucket->tokens += per_second * (double)(now_ms - bucket->filled_ms) / 1000.0;
    bucket->filled_ms = now_ms;
    if (bucket->tokens > burst)
        bucket->tokens = burst;
    if (bucket->tokens < 1.0)
        return false;
    bucket->tokens -= 1.0;
    return true;
}

void rates_refund(struct rates *rates, int32_t user_id)
{
    struct bucket *bucket = map_find(&rates->buckets, (uint64_t)user_id);

    if (bucket)
        bucket->tokens += 1.0;
}

void rates_release(struct rates *rates)
{
    size_t at = 0;
    void *bucket;

    while ((bucket = map_next(&rates->buckets, &at)))
        free(bucket);
    map_release(&rates->buckets);
}
