#include "engine_state.h"

#include <errno.h>

#include "base/check.h"
#include "shared_state.h"

/* A request's turn at its tracker: checked again, rendered, staged. */

static void stage(struct engine *e, struct pending *p, const struct template_input *input, struct bytes topic,
                  struct bytes payload)
{
    uint8_t room[TOPIC_ROOM];
    struct buffer ack_topic = buffer_in(room, sizeof room);
    struct engine_command command = {.id = p->id, .topic = topic, .payload = payload, .deadline_ms = p->deadline_ms};
    struct engine_event event;

    CHECK(template_render(profile_topic(p->profile, TOPIC_ACK), input, &ack_topic) == 0);
    command.ack_topic = buffer_bytes(&ack_topic);
    if (profile_kind(p->profile) == PROFILE_GENERIC_JSON)
        command.content_type = bytes_of_text(encoding_content_type(ENCODING_JSON));
    if (profile_kind(p->profile) == PROFILE_GENERIC_MSGPACK)
        command.content_type = bytes_of_text(encoding_content_type(ENCODING_MSGPACK));
    p->state = PENDING_STAGED;
    engine_journal_request(e, p);
    e->effects.command(e->effects.ctx, &command);
    event = engine_event_of(p, EVENT_COMMAND_STAGED);
    engine_emit(e, &event);
    buffer_release(&ack_topic);
}

static void note_command(struct pending *p)
{
    p->tracker->last_command_id = p->id;
    p->tracker->last_was_acked = false;
}

static void note_echo(struct pending *p, const struct template_input *input)
{
    uint8_t room[ECHO_ROOM];
    struct buffer echo = buffer_in(room, sizeof room);

    profile_render_echo(p->profile, input, &echo);
    pending_set_echo(p, buffer_bytes(&echo));
    buffer_release(&echo);
}

/* -ENODATA: it would have to state outputs of which no state is known. -EDOM: the family has no such command. */
static int render_and_stage(struct engine *e, struct pending *p, const struct judgement *j)
{
    struct template_input input = registry_input(j->registry, j->tracker);
    struct buffer *topic = &e->command_topic;
    struct buffer *payload = &e->payload;
    int r;

    input.command = &p->command;
    input.states = &p->tracker->states;
    input.outputs = j->outputs;
    input.now_ms = e->now.wall_ms;
    p->profile = profile_ref(j->profile);
    p->tracker->outputs = j->outputs;
    buffer_clear(topic);
    buffer_clear(payload);
    r = template_render(profile_command_topic(p->profile, p->command.action), &input, topic);
    if (r == 0)
        r = profile_render(p->profile, &input, payload, NULL);
    if (r < 0)
        return r;
    note_echo(p, &input);
    note_command(p);
    stage(e, p, &input, buffer_bytes(topic), buffer_bytes(payload));
    return 0;
}

void engine_turn(void *ctx, struct pending *p)
{
    struct engine *e = ctx;
    struct judgement again;
    const struct judgement *j = e->judged;
    enum code code = CODE_SUCCESS;
    int r;

    p->started_ms = e->now.mono_ms;
    if (!j || e->judged_id != p->id) {
        again = engine_judgement(e, p);
        code = judge_again(&again); /* also fills in what the judgement at its arrival found */
        j = &again;
    }
    if (code != CODE_SUCCESS)
        engine_settle(e, p, code, OUTCOME_NOT_SENT);
    else if (p->deadline_ms <= e->now.mono_ms)
        engine_settle(e, p, CODE_OFFLINE, OUTCOME_NOT_SENT);
    else if ((r = render_and_stage(e, p, j)) < 0)
        engine_settle(e, p, r == -EDOM ? CODE_NOT_SUPPORTED : CODE_WRONG_STATUS, OUTCOME_NOT_SENT);
}

void engine_command_sent(struct engine *e, uint64_t id, struct instant now)
{
    struct pending *p = map_find(&e->by_id, id);
    struct engine_event event;

    e->counters.commands++;
    if (!p || p->state != PENDING_STAGED)
        return;
    p->state = PENDING_SENT;
    p->sent_ms = now.mono_ms;
    event = engine_event_of(p, EVENT_COMMAND_SENT);
    engine_emit(e, &event);
    if (e->shared)
        shared_sent(e, p);
}

void engine_command_refused(struct engine *e, uint64_t id, struct instant now)
{
    struct pending *p = map_find(&e->by_id, id);

    e->now = now;
    e->counters.publishes_refused++;
    if (p && (p->state == PENDING_STAGED || p->state == PENDING_SENT))
        engine_settle(e, p, CODE_UNEXPECTED, OUTCOME_UNKNOWN);
}
