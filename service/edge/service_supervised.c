/* What the supervisor is told of the service.
 *
 * Ready means: its files and its journal are good, and it is connected and has read back who is online, or it has tried
 * and goes on trying. A supervisor that waited for a broker that is down would end the service and start it again, over
 * and over; left alone it connects by itself. What it waits for is in the status. */
#include "service_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    READY_LATEST_MS = 10000, /* a broker that keeps the presence to itself */
    STATUS_EVERY_MS = 5000,
    /* A turn in which the broker has to be asked: two attempts with each of the two versions of MQTT, and what is
     * waited for a SUBACK and a disk. */
    CONNECTS_A_TURN = 4,
    REST_OF_TURN_MS = 10000,
};

/* --- state --- */

static bool is_ready(const struct service *s)
{
    return s->presence_known || engine_counters(s->engine)->connect_failures > 0 ||
           s->now.mono_ms - s->started_ms >= READY_LATEST_MS;
}

static enum supervisor_state state_of(struct service *s)
{
    struct supervised *v = &s->supervised;

    v->was_ready |= is_ready(s);
    if (life_is_stopping(s))
        return SUPERVISOR_STOPPING;
    if (!v->was_ready)
        return SUPERVISOR_STARTING;
    return files_are_reloading(s) ? SUPERVISOR_RELOADING : SUPERVISOR_READY;
}

static void tell_state(struct service *s)
{
    struct supervised *v = &s->supervised;
    enum supervisor_state state = state_of(s);
    uint64_t stop_in_ms = s->stop_at_ms > s->now.mono_ms ? s->stop_at_ms - s->now.mono_ms : 0;

    if (state != v->told && supervisor_tell(&v->supervisor, state, stop_in_ms + REST_OF_TURN_MS) == 0)
        v->told = state;
}

/* --- status --- */

static void note_reloads(struct service *s)
{
    struct supervised *v = &s->supervised;
    const struct counters *counters = engine_counters(s->engine);

    if (counters->reloads != v->reloads)
        v->reload_refused = false;
    if (counters->reloads_failed != v->reloads_failed)
        v->reload_refused = true;
    v->reloads = counters->reloads;
    v->reloads_failed = counters->reloads_failed;
}

/* What it is about, the numbers in it aside. */
static unsigned subject_of(const struct service *s)
{
    const bool parts[] = {
        life_is_stopping(s), mqtt_is_connected(s->mqtt),   s->presence_known, s->journal_down,
        s->journal_full,     s->supervised.reload_refused,
    };
    unsigned subject = 1;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        subject = subject << 1 | parts[i];
    return subject;
}

static void put_work(const struct service *s, struct buffer *out)
{
    struct engine_totals totals = engine_totals(s->engine);
    const struct counters *counters = engine_counters(s->engine);

    if (life_is_stopping(s))
        buffer_printf(out, "Stopping: %zu requests pending, %zu replies to be delivered", totals.pending,
                      outbox_count(s->outbox));
    else if (!mqtt_is_connected(s->mqtt))
        buffer_printf(out, "Not connected to %s (%s), trying again", mqtt_url(s->mqtt), mqtt_error(s->mqtt));
    else if (!s->presence_known)
        buffer_printf(out, "Connected to %s, reading who is online", mqtt_url(s->mqtt));
    else
        buffer_printf(out, "Connected to %s, %zu trackers online, %zu pending, %llu of %llu requests succeeded",
                      mqtt_url(s->mqtt), totals.online, totals.pending, (unsigned long long)counters->outcome_success,
                      (unsigned long long)counters->requests);
}

static void put_troubles(const struct service *s, struct buffer *out)
{
    if (s->journal_down)
        buffer_put_text(out, "; the journal cannot be written: new requests get code 8");
    else if (s->journal_full)
        buffer_put_text(out, "; the journal is full: new requests get code 8");
    if (s->supervised.reload_refused)
        buffer_put_text(out, "; the last reload was refused");
}

/* At once where it is about something else than before. */
static void tell_status(struct service *s)
{
    struct supervised *v = &s->supervised;
    uint8_t room[512];
    struct buffer text = buffer_in(room, sizeof room);
    unsigned subject;

    note_reloads(s);
    subject = subject_of(s);
    if (subject == v->subject && s->now.mono_ms - v->status_ms < STATUS_EVERY_MS)
        return;
    put_work(s, &text);
    put_troubles(s, &text);
    buffer_put_u8(&text, '\0');
    if (supervisor_tell_status(&v->supervisor, (const char *)text.data) == 0) {
        v->subject = subject;
        v->status_ms = s->now.mono_ms;
    }
    buffer_release(&text);
}

/* --- what the loop calls --- */

void supervised_open(struct service *s)
{
    uint64_t turn_longest_ms = s->first->broker.connect_timeout_s * UINT64_C(1000) * CONNECTS_A_TURN + REST_OF_TURN_MS;
    struct buffer text = {0};
    int r = supervisor_open(&s->supervised.supervisor);

    if (r < 0)
        log_write(LOG_WARNING, "the supervisor is told nothing", LOG_TEXT("NOTIFY_SOCKET", getenv("NOTIFY_SOCKET")),
                  LOG_TEXT("why", strerror(-r)));
    supervisor_allow_ms(&s->supervised.supervisor, turn_longest_ms);
    buffer_printf(&text, "Connecting to %s%c", s->first->broker.url.items[0], '\0');
    supervisor_tell_status(&s->supervised.supervisor, (const char *)text.data);
    buffer_release(&text);
}

void supervised_tick(struct service *s)
{
    if (!s->supervised.supervisor.address_len)
        return;
    tell_state(s);
    tell_status(s);
    supervisor_alive(&s->supervised.supervisor, s->now.mono_ms);
}

int supervised_wait_ms(const struct service *s)
{
    return supervisor_wait_ms(&s->supervised.supervisor, s->now.mono_ms, turn_wait_ms(s));
}
