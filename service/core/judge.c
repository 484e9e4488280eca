#include "core/judge.h"

static bool no_registry(struct judgement *j)
{
    return !j->registry;
}

static bool no_session(struct judgement *j)
{
    j->session = registry_find_session(j->registry, j->session_hash);
    if (!j->session || j->session->expires_at_ms <= j->now.wall_ms)
        return true;
    j->user = registry_find_user(j->registry, j->session->user_id);
    return !j->user;
}

static bool user_blocked(struct judgement *j)
{
    return j->user->blocked;
}

static bool too_many(struct judgement *j)
{
    if (j->user_rate <= 0)
        return false;
    j->token_taken = rates_take(j->rates, j->user->id, j->user_rate, j->user_burst, j->now.mono_ms);
    return !j->token_taken;
}

static bool no_right(struct judgement *j)
{
    return !j->session->master && !j->session->may_set_output;
}

static bool no_tracker(struct judgement *j)
{
    j->tracker = registry_find_tracker(j->registry, j->tracker_id);
    return !j->tracker || !registry_session_sees(j->session, j->tracker);
}

static bool tracker_blocked(struct judgement *j)
{
    return j->tracker->blocked;
}

static bool tracker_is_clone(struct judgement *j)
{
    return j->tracker->clone;
}

static bool no_profile(struct judgement *j)
{
    j->profile = j->model_profiles[j->tracker->model];
    return !j->profile;
}

/* A batch would switch a reserved output too, so it takes none at all. */
static bool not_supported(struct judgement *j)
{
    struct template_input input = registry_input(j->registry, j->tracker);
    uint64_t reserved;

    if (!registry_reserved(j->registry, j->tracker, &reserved))
        reserved = profile_reserved(j->profile, &input);
    j->outputs = j->tracker->outputs ? j->tracker->outputs : (uint8_t)profile_outputs(j->profile, &input);
    if (!profile_has(j->profile, &input, j->action))
        return true;
    if (j->action == ACTION_SET)
        return j->output > j->outputs || (reserved >> (j->output - 1) & 1);
    return j->output_count != j->outputs || reserved != 0;
}

static bool offline(struct judgement *j)
{
    return !j->online;
}

static bool out_of_service(struct judgement *j)
{
    return j->out_of_service;
}

static const struct {
    enum code code;
    bool (*fails)(struct judgement *j);
    bool again; /* part of judge_again */
} checks[] = {
    {CODE_DATABASE_UNAVAILABLE, no_registry, true},
    {CODE_USER_NOT_FOUND, no_session, true},
    {CODE_USER_BLOCKED, user_blocked, true},
    {CODE_TOO_MANY_REQUESTS, too_many, false},
    {CODE_NOT_PERMITTED, no_right, true},
    {CODE_NOT_FOUND, no_tracker, true},
    {CODE_DEVICE_BLOCKED, tracker_blocked, true},
    {CODE_CLONE, tracker_is_clone, true},
    {CODE_UNKNOWN_MODEL, no_profile, true},
    {CODE_NOT_SUPPORTED, not_supported, true},
    {CODE_OFFLINE, offline, true},
    {CODE_QUEUE_ERROR, out_of_service, false},
};

static enum code judge(struct judgement *j, bool again)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if ((checks[i].again || !again) && checks[i].fails(j))
            return checks[i].code;
    }
    return CODE_SUCCESS;
}

enum code judge_request(struct judgement *j)
{
    return judge(j, false);
}

enum code judge_again(struct judgement *j)
{
    return judge(j, true);
}
