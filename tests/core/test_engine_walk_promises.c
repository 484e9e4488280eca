/* What the promises allow the engine to want, given what has happened on the walk. */
#include <stdlib.h>

#include "test_engine_walk.h"

const int32_t walkers[WALKERS] = {TRACKER_JSON, TRACKER_JSON_2, TRACKER_MSGPACK, TRACKER_ECHO,
                                  TRACKER_FIFO, TRACKER_STATED, TRACKER_OWN};

struct walk walk;

static void touch(struct wish *w)
{
    HOLDS(walk.touched_count < TOUCHED_MAX);
    walk.touched[walk.touched_count++] = w;
}

static void set_state(struct wish *w, enum wish_state state)
{
    walk.pending += state == WISH_PENDING;
    walk.pending -= w->now.state == WISH_PENDING;
    w->now.state = state;
}

static void on_event(const struct engine_event *event)
{
    struct wish *w = walk.current;

    if (event->kind != EVENT_REQUEST_ACCEPTED)
        return;
    HOLDS(w && w->now.state == WISH_NONE);
    w->now = (struct face){.id = event->id};
    set_state(w, WISH_PENDING);
    w->accepted = ++walk.accepted;
    w->deadline_ms = stage->now.mono_ms + (walkers[w->walker] == TRACKER_OWN ? 4000 : 10000);
    if (w->request.has_expiry && stage->now.mono_ms + w->request.expiry_s * 1000 < w->deadline_ms)
        w->deadline_ms = stage->now.mono_ms + w->request.expiry_s * 1000;
    map_put(&walk.by_id, event->id, w);
    touch(w);
}

void free_command(struct stage_command *command)
{
    free(command->ack_topic);
    free(command->content_type);
    free(command->what);
}

static void on_command(const struct stage_command *command)
{
    struct wish *w = map_find(&walk.by_id, command->id);
    struct stage_command *copy = calloc(1, sizeof *copy);

    HOLDS(w && w->now.state == WISH_PENDING && !w->sent && copy);
    HOLDS(!walk.reading);
    w->now.staged = true;
    touch(w);
    copy->id = command->id;
    copy->ack_topic = strdup(command->ack_topic);
    copy->content_type = command->content_type ? strdup(command->content_type) : NULL;
    copy->what = strdup(command->what);
    HOLDS(!map_put(&walk.staged, command->id, copy));
}

static void on_cancel(uint64_t id)
{
    struct stage_command *command = map_remove(&walk.staged, id);

    HOLDS(command);
    free_command(command);
    free(command);
}

/* A command that was staged before a crash may have left: the engine does not know. */
static bool may_have_left(const struct wish *w)
{
    return w->sent || w->safe.staged;
}

/* Acks that name their command end that one alone; texts may be taken for another one's that was never sent. */
static bool is_told(const struct wish *w, bool success)
{
    const struct walker *t = &walk.walkers[w->walker];
    bool named = t->command.content_type != NULL;

    return walk.teller == t && walk.tells_success == success && (!named || t->last == w);
}

static void check_ending(const struct wish *w)
{
    switch (w->now.outcome) {
    case OUTCOME_SUCCESS:
    case OUTCOME_REJECTED:
        HOLDS(may_have_left(w) && is_told(w, w->now.outcome == OUTCOME_SUCCESS));
        return;
    case OUTCOME_UNKNOWN:
        HOLDS(may_have_left(w) && stage->now.mono_ms >= w->deadline_ms);
        return;
    case OUTCOME_NOT_SENT:
        HOLDS(!w->sent);
        return;
    }
}

static void note_ending(struct wish *w, const struct stage_reply *reply)
{
    struct walker *t = &walk.walkers[w->walker];

    if (w->now.state == WISH_ENDED) { /* again, after a crash: the stage compares them */
        HOLDS(w->now.code == reply->code);
        return;
    }
    set_state(w, WISH_ENDED);
    w->now.code = reply->code;
    w->now.outcome = reply->outcome;
    touch(w);
    check_ending(w);
    walk.outcomes[reply->outcome]++;
    if (walkers[w->walker] == TRACKER_FIFO && reply->outcome == OUTCOME_UNKNOWN)
        t->quiet_until_ms = stage->now.mono_ms + 3000;
}

static void on_reply(const struct stage_reply *reply)
{
    bool is_ours = reply->correlation && reply->correlation[0] == 'w'; /* else of noise */
    struct wish *w = is_ours ? &walk.wishes[atoi(reply->correlation + 1)] : NULL;

    if (!w || map_find(&walk.refusals, reply->id))
        return;
    if (reply->id == w->now.id) {
        note_ending(w, reply);
        return;
    }
    HOLDS(w->now.state != WISH_PENDING); /* a duplicate of what is pending gets nothing */
    if (w->now.state == WISH_ENDED) {
        HOLDS(reply->code == w->now.code && reply->outcome == w->now.outcome);
        return;
    }
    HOLDS(reply->outcome == OUTCOME_NOT_SENT && reply->code != CODE_SUCCESS);
    map_put(&walk.refusals, reply->id, w);
}

static void command_left(uint64_t id)
{
    struct wish *w = map_find(&walk.by_id, id);
    struct walker *t = &walk.walkers[w->walker];
    struct stage_command *command = map_remove(&walk.staged, id);

    HOLDS(command && !w->sent && w->now.state == WISH_PENDING);
    HOLDS(stage->now.mono_ms < w->deadline_ms);
    HOLDS(!t->last || t->last->now.state == WISH_ENDED); /* one in flight */
    HOLDS(w->accepted > t->accepted);                    /* in order */
    HOLDS(stage->now.mono_ms >= t->quiet_until_ms);
    w->sent = true;
    t->last = w;
    t->accepted = w->accepted;
    free_command(&t->command);
    t->command = *command;
    free(command);
}

static void on_left(uint64_t id, bool is_command)
{
    struct wish *w = map_find(&walk.by_id, id);

    if (is_command)
        command_left(id);
    else if (w || (w = map_find(&walk.refusals, id)))
        w->replied = true;
}

void watch_promises(void)
{
    stage->watch.command = on_command;
    stage->watch.reply = on_reply;
    stage->watch.left = on_left;
    stage->watch.event = on_event;
    stage->watch.cancel = on_cancel;
}

void keep_promises(void)
{
    for (size_t i = 0; i < walk.touched_count; i++)
        walk.touched[i]->safe = walk.touched[i]->now;
    walk.touched_count = 0;
    for (size_t i = 0; i < WALKERS; i++)
        walk.walkers[i].safe_quiet_until_ms = walk.walkers[i].quiet_until_ms;
}

static void drop_staged(void)
{
    struct stage_command *command;
    size_t at = 0;

    while ((command = map_next(&walk.staged, &at))) {
        free_command(command);
        free(command);
    }
    map_release(&walk.staged);
}

void forget_promises(void)
{
    drop_staged();
    for (size_t i = 0; i < walk.touched_count; i++) {
        struct wish *w = walk.touched[i];

        set_state(w, w->safe.state);
        w->now = w->safe;
    }
    walk.touched_count = 0;
    for (size_t i = 0; i < WALKERS; i++)
        walk.walkers[i].quiet_until_ms = walk.walkers[i].safe_quiet_until_ms;
}
