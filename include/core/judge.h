/* The checks of a request, in their order; the first that fails is the reply. */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "core/engine.h"
#include "core/rate.h"

/* What the checks read, and what they found on their way. */
struct judgement {
    const struct registry *registry;       /* NULL: never loaded */
    struct profile *const *model_profiles; /* by index of the registry's models; NULL: none serves it */
    struct rates *rates;
    double user_rate;
    double user_burst;
    struct instant now;
    const struct digest *session_hash;
    int32_t tracker_id;
    enum action action;
    int32_t output;
    uint8_t output_count;
    bool online;         /* or not known yet: the queue waits for it */
    bool out_of_service; /* draining, no journal, outbox full */

    const struct registry_session *session;
    const struct registry_user *user;
    const struct registry_tracker *tracker;
    struct profile *profile;
    uint8_t outputs;
    bool token_taken; /* of the user's bucket */
};

/* Checks 6 to 17. CODE_SUCCESS, or the reply. */
enum code judge_request(struct judgement *j);

/* Checks 7 to 16 without the rate limit: for a queued request whose turn has come. */
enum code judge_again(struct judgement *j);

#endif
