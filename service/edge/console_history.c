#include "edge/console_history.h"

#include <inttypes.h>

/* In milliseconds: from a tracker next door to one behind a satellite. */
static const uint32_t bounds_ms[HISTORY_BOUNDS] = {1,   2,    5,    10,   20,    50,    100,  200,
                                                   500, 1000, 2000, 5000, 10000, 20000, 60000};

static struct history_step *step_at(struct console_history *h, uint64_t mono_ms)
{
    uint64_t number = mono_ms / HISTORY_STEP_MS;
    struct history_step *step = &h->steps[number % HISTORY_STEPS];

    if (step->number != number)
        *step = (struct history_step){.number = number};
    return step;
}

static size_t place_of(uint64_t ms)
{
    size_t i = 0;

    while (i < HISTORY_BOUNDS && ms > bounds_ms[i])
        i++;
    return i;
}

void console_history_event(struct console_history *h, const struct engine_event *event, uint64_t mono_ms)
{
    struct history_step *step;

    if (event->kind != EVENT_REQUEST_SETTLED && event->kind != EVENT_REQUEST_REFUSED)
        return;
    step = step_at(h, mono_ms);
    step->outcomes[event->outcome]++;
    if (event->outcome == OUTCOME_SUCCESS || event->outcome == OUTCOME_REJECTED)
        step->latency[place_of(event->total_ms)]++;
}

/* --- as JSON --- */

/* NULL: nothing is held of this step. */
static const struct history_step *held(const struct console_history *h, uint64_t number)
{
    const struct history_step *step = &h->steps[number % HISTORY_STEPS];

    return step->number == number ? step : NULL;
}

static void write_outcome(const struct console_history *h, uint64_t last, enum outcome outcome, struct buffer *out)
{
    buffer_printf(out, ", \"%s\": [", outcome_name(outcome));
    for (uint64_t i = HISTORY_STEPS; i-- > 0;) {
        const struct history_step *step = last >= i ? held(h, last - i) : NULL;

        buffer_printf(out, "%" PRIu32 "%s", step ? step->outcomes[outcome] : 0, i ? ", " : "]");
    }
}

static void write_latency(const struct console_history *h, uint64_t last, struct buffer *out)
{
    buffer_put_text(out, ", \"bounds_ms\": [");
    for (size_t i = 0; i < HISTORY_BOUNDS; i++)
        buffer_printf(out, "%s%" PRIu32, i ? ", " : "", bounds_ms[i]);
    buffer_put_text(out, "], \"latency\": [");
    for (size_t place = 0; place <= HISTORY_BOUNDS; place++) {
        uint64_t sum = 0;

        for (uint64_t i = 0; i < HISTORY_STEPS && i <= last; i++)
            sum += held(h, last - i) ? held(h, last - i)->latency[place] : 0;
        buffer_printf(out, "%s%" PRIu64, place ? ", " : "", sum);
    }
    buffer_put_text(out, "]}");
}

void console_history_write(const struct console_history *h, uint64_t mono_ms, struct buffer *out)
{
    uint64_t last = mono_ms / HISTORY_STEP_MS;

    buffer_printf(out, "{\"step_ms\": %d, \"passed_ms\": %" PRIu64, HISTORY_STEP_MS, mono_ms % HISTORY_STEP_MS);
    for (unsigned outcome = 0; outcome < HISTORY_OUTCOMES; outcome++)
        write_outcome(h, last, (enum outcome)outcome, out);
    write_latency(h, last, out);
}
