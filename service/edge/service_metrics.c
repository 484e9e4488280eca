/* What /metrics and /readyz say. */
#include "base/version.h"
#include "edge/metrics_text.h"
#include "service_state.h"

enum { MINUTE_MS = 60000 };

/* Nobody who asks takes it from somebody else who does: of the last one to two minutes. */
void metrics_note_turn(struct service *s, uint64_t took_us)
{
    uint64_t passed_ms = s->now.mono_ms - s->minute_ms;

    if (passed_ms >= MINUTE_MS) {
        s->minute_longest_us[1] = passed_ms < 2 * MINUTE_MS ? s->minute_longest_us[0] : 0;
        s->minute_longest_us[0] = 0;
        s->minute_ms = s->now.mono_ms;
    }
    if (took_us > s->minute_longest_us[0])
        s->minute_longest_us[0] = took_us;
}

const char *service_is_not_ready(const struct service *s)
{
    if (life_is_stopping(s))
        return "the service is being stopped";
    if (!s->link_up)
        return "not connected to a broker";
    if (!s->subscribed_requests)
        return "not subscribed to requests";
    if (!s->presence_known)
        return "presence has not been read back";
    if (!engine_has_registry(s->engine))
        return registry_is_missing(s);
    if (s->shared && !shared_is_up(s))
        return "the server of shared state does not answer";
    if (s->journal_down)
        return "the journal cannot be written";
    return s->journal_full ? "the journal is full" : NULL;
}

static void write_about(const struct service *s, struct buffer *out)
{
    struct buffer labels = {0};
    int64_t started_wall_ms = s->now.wall_ms - (int64_t)(s->now.mono_ms - s->started_ms);

    metrics_text_label(&labels, "version", outputd_version);
    buffer_put_u8(&labels, '\0');
    metrics_text_family(out, "outputd_build_info", "gauge", "Always 1; the label says which version this is.");
    metrics_text_value(out, "outputd_build_info", (const char *)labels.data, 1);
    buffer_release(&labels);
    metrics_text_family(out, "outputd_start_time_seconds", "gauge", "When the service was started, since 1970.");
    metrics_text_seconds(out, "outputd_start_time_seconds", NULL, (uint64_t)started_wall_ms * 1000);
    metrics_text_gauge(out, "outputd_ready", "1 while /readyz answers 200.", service_is_not_ready(s) == NULL);
}

static void write_state(const struct service *s, struct buffer *out)
{
    const struct engine_totals totals = engine_totals(s->engine);

    metrics_text_gauge(out, "outputd_pending", "Requests that wait for their turn or for an ack.", totals.pending);
    metrics_text_gauge(out, "outputd_queued", "Requests that wait for their turn at their tracker.", totals.queued);
    metrics_text_gauge(out, "outputd_trackers_online", "Trackers that are online.", totals.online);
    metrics_text_gauge(out, "outputd_trackers", "Trackers of which presence, states or requests are kept.",
                       totals.trackers);
    metrics_text_gauge(out, "outputd_remembered", "Requests of which a repetition would be noticed.",
                       totals.remembered);
    metrics_text_gauge(out, "outputd_outbox_depth", "Publishes that the broker has not acknowledged.",
                       outbox_count(s->outbox));
    metrics_text_gauge(out, "outputd_outbox_bytes", "Memory that these take.", outbox_bytes(s->outbox));
    metrics_text_gauge(out, "outputd_broker_connected", "1 while there is a connection to a broker.", s->link_up);
}

static void write_files(const struct service *s, struct buffer *out)
{
    const struct journal_totals journal = journal_totals(s->journal);

    metrics_text_family(out, "outputd_registry_age_seconds", "gauge",
                        "Since the registry was last read, or its database has last said that it is current.");
    metrics_text_seconds(out, "outputd_registry_age_seconds", NULL, registry_age_ms(s) * 1000);
    if (s->registry)
        metrics_text_gauge(out, "outputd_registry_connected", "1 while the registry's database can be read.",
                           s->registry_status.is_connected);
    metrics_text_gauge(out, "outputd_journal_up", "1 while the journal can be written and has room.",
                       !s->journal_down && !s->journal_full);
    metrics_text_gauge(out, "outputd_journal_records", "Records that must survive.", journal.records);
    metrics_text_gauge(out, "outputd_journal_live_bytes", "What these take.", journal.live_bytes);
    metrics_text_gauge(out, "outputd_journal_size_bytes", "The size of the journal.", journal.ring_bytes);
    metrics_text_family(out, "outputd_turn_longest_seconds", "gauge",
                        "The longest turn of the loop in the last one to two minutes.");
    metrics_text_seconds(out, "outputd_turn_longest_seconds", NULL,
                         s->minute_longest_us[0] > s->minute_longest_us[1] ? s->minute_longest_us[0]
                                                                           : s->minute_longest_us[1]);
}

void metrics_write(const struct service *s, struct buffer *out)
{
    write_about(s, out);
    metrics_text_events(out, &s->metrics);
    metrics_text_counters(out, engine_counters(s->engine));
    write_state(s, out);
    write_files(s, out);
    shared_metrics_write(s, out);
    http_metrics_write(s, out);
}
