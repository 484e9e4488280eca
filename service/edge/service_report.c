#include "service_state.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/version.h"

/* --- log lines --- */

static void log_accepted(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "request accepted", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_INT("user", e->user_id), LOG_TEXT("action", action_name(e->action)));
}

static void log_refused(const struct engine_event *e)
{
    log_write(LOG_INFO, "request refused", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_INT("user", e->user_id), LOG_TEXT("action", action_name(e->action)), LOG_INT("code", e->code),
              LOG_TEXT("why", code_description(e->code)));
}

static void log_duplicate(const struct engine_event *e)
{
    log_write(LOG_INFO, "request repeated", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_TEXT("action", action_name(e->action)), LOG_TEXT("first", e->why));
}

static void log_reply_topic(const struct engine_event *e)
{
    log_write(LOG_WARNING, "request dropped: its reply topic is not allowed",
              LOG_TEXT("action", action_name(e->action)), LOG_BYTES("topic", e->topic));
}

static void log_staged(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "command due", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_TEXT("profile", e->profile));
}

static void log_sent(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "command sent", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_TEXT("profile", e->profile));
}

static void log_settled(const struct engine_event *e)
{
    log_write(LOG_INFO, "request settled", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_INT("user", e->user_id), LOG_TEXT("action", action_name(e->action)), LOG_INT("code", e->code),
              LOG_TEXT("outcome", outcome_name(e->outcome)), LOG_INT("queue_ms", e->queue_ms),
              LOG_INT("device_ms", e->device_ms), LOG_INT("total_ms", e->total_ms));
}

static void log_recovered(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "reply recovered", LOG_INT("id", e->id), LOG_INT("tracker", e->tracker_id),
              LOG_INT("code", e->code), LOG_TEXT("outcome", outcome_name(e->outcome)));
}

static void log_ack_ignored(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "ack ignored", LOG_INT("tracker", e->tracker_id), LOG_TEXT("why", e->why),
              LOG_BYTES("topic", e->topic));
}

static void log_presence(const struct engine_event *e)
{
    log_write(LOG_DEBUG, "presence", LOG_INT("tracker", e->tracker_id),
              LOG_TEXT("is", e->online ? "online" : "offline"));
}

static void (*const loggers[])(const struct engine_event *) = {
    [EVENT_REQUEST_ACCEPTED] = log_accepted,   [EVENT_REQUEST_REFUSED] = log_refused,
    [EVENT_REQUEST_DUPLICATE] = log_duplicate, [EVENT_REPLY_TOPIC_REFUSED] = log_reply_topic,
    [EVENT_COMMAND_STAGED] = log_staged,       [EVENT_COMMAND_SENT] = log_sent,
    [EVENT_REQUEST_SETTLED] = log_settled,     [EVENT_REPLY_RECOVERED] = log_recovered,
    [EVENT_ACK_IGNORED] = log_ack_ignored,     [EVENT_PRESENCE] = log_presence,
};

void report_event(void *ctx, const struct engine_event *event)
{
    struct service *s = ctx;

    metrics_event(&s->metrics, event);
    console_event(s, event);
    loggers[event->kind](event);
    if (s->audit)
        audit_event(s->audit, event, s->now);
}

/* --- counters --- */

void report_counters(struct service *s)
{
    const struct engine_totals totals = engine_totals(s->engine);
    const struct counter_info *info;

    for (unsigned i = 0; (info = counters_info(i)); i++)
        log_write(LOG_INFO, "counter", LOG_TEXT("name", info->name),
                  LOG_INT("value", info->value(engine_counters(s->engine))), LOG_TEXT("of", info->help));
    log_write(LOG_INFO, "totals", LOG_INT("pending", totals.pending), LOG_INT("queued", totals.queued),
              LOG_INT("online", totals.online), LOG_INT("trackers", totals.trackers),
              LOG_INT("remembered", totals.remembered), LOG_INT("outbox", outbox_count(s->outbox)),
              LOG_INT("turn_longest_us", s->turn_longest_us));
    log_flush();
}

static char *stats_text(struct service *s)
{
    const struct engine_totals totals = engine_totals(s->engine);
    json_t *counters = json_object();
    const struct counter_info *info;
    char at[CLOCK_TEXT_SIZE];
    json_t *root;
    char *text;

    for (unsigned i = 0; (info = counters_info(i)); i++)
        json_object_set_new(counters, info->name, json_integer((json_int_t)info->value(engine_counters(s->engine))));
    clock_format(s->now.wall_ms, at);
    root =
        json_pack("{ss ss sI ss sI sI sI sI so}", "instance", s->first->instance, "version", outputd_version,
                  "uptime_s", (json_int_t)((s->now.mono_ms - s->started_ms) / 1000), "at", at, "pending",
                  (json_int_t)totals.pending, "queued", (json_int_t)totals.queued, "online", (json_int_t)totals.online,
                  "turn_longest_us", (json_int_t)s->turn_longest_us, "counters", counters);
    text = json_dumps(root, 0);
    json_decref(root);
    CHECK(text);
    return text;
}

/* A snapshot that the next one replaces: QoS 0, and straight to the connection. */
void report_stats(struct service *s)
{
    uint64_t interval_ms = (uint64_t)s->first->stats_interval_s * 1000;
    struct mqtt_publish publish = {.topic = bytes_of_text(s->first->stats_topic),
                                   .content_type = bytes_of_text("application/json")};
    char *text;
    int token;

    if (interval_ms == 0 || !mqtt_is_connected(s->mqtt) || s->now.mono_ms - s->stats_sent_ms < interval_ms ||
        !mqtt_may_publish(s->mqtt))
        return;
    s->stats_sent_ms = s->now.mono_ms;
    text = stats_text(s);
    s->turn_longest_us = 0;
    publish.payload = bytes_of_text(text);
    mqtt_publish(s->mqtt, &publish, &token);
    free(text);
}
