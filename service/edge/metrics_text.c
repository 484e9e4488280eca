#include "edge/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

/* --- one line --- */

void metrics_text_family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_name(struct buffer *out, const char *name, const char *labels)
{
    buffer_put_text(out, name);
    if (labels && *labels)
        buffer_printf(out, "{%s}", labels);
    buffer_put_u8(out, ' ');
}

void metrics_text_value(struct buffer *out, const char *name, const char *labels, uint64_t value)
{
    put_name(out, name, labels);
    buffer_printf(out, "%" PRIu64 "\n", value);
}

void metrics_text_seconds(struct buffer *out, const char *name, const char *labels, uint64_t us)
{
    put_name(out, name, labels);
    buffer_printf(out, "%" PRIu64 ".%06u\n", us / 1000000, (unsigned)(us % 1000000));
}

void metrics_text_gauge(struct buffer *out, const char *name, const char *help, uint64_t value)
{
    metrics_text_family(out, name, "gauge", help);
    metrics_text_value(out, name, NULL, value);
}

void metrics_text_label(struct buffer *out, const char *name, const char *value)
{
    if (out->len)
        buffer_put_u8(out, ',');
    buffer_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buffer_put_u8(out, '\\');
        buffer_put_u8(out, *value == '\n' ? ' ' : (uint8_t)*value);
    }
    buffer_put_u8(out, '"');
}

/* --- histograms --- */

static void put_bucket(struct buffer *out, const char *name, const char *bound, uint64_t count)
{
    buffer_printf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bound, count);
}

void metrics_text_histogram(struct buffer *out, const char *name, const char *help, const struct histogram *h)
{
    uint64_t count = 0;
    char bound[32];

    metrics_text_family(out, name, "histogram", help);
    for (size_t i = 0; i < h->bound_count; i++) {
        count += h->counts[i];
        snprintf(bound, sizeof bound, "%g", (double)h->bounds_us[i] / 1e6);
        put_bucket(out, name, bound, count);
    }
    count += h->counts[h->bound_count];
    put_bucket(out, name, "+Inf", count);
    buffer_printf(out, "%s_sum %" PRIu64 ".%06u\n", name, h->sum_us / 1000000, (unsigned)(h->sum_us % 1000000));
    buffer_printf(out, "%s_count %" PRIu64 "\n", name, count);
}

/* --- the engine's counters --- */

/* Those that belong together: one family, told apart by a label. */
static const struct group {
    const char *counter;
    const char *value; /* of the label */
} ack_kinds[] =
    {
        {"acks_matched", "matched"},     {"acks_late", "late"},
        {"acks_duplicate", "duplicate"}, {"acks_unknown", "unknown"},
        {"acks_unrelated", "unrelated"}, {"acks_malformed", "malformed"},
        {"acks_retained", "retained"},   {NULL, NULL},
},
  drop_reasons[] =
      {
          {"requests_reply_topic_refused", "reply_topic"},
          {"presence_unreadable", "presence_unreadable"},
          {"presence_overflow", "presence_overflow"},
          {"messages_unexpected", "unexpected_topic"},
          {NULL, NULL},
},
  load_results[] = {
      {"reloads", "ok"},
      {"reloads_failed", "failed"},
      {NULL, NULL},
};

/* Those that are called otherwise than outputd_{counter}_total. */
static const struct {
    const char *counter;
    const char *name;
} renamed[] = {
    {"requests", "outputd_requests_received_total"},
    {"commands", "outputd_commands_sent_total"},
    {"connects", "outputd_broker_connects_total"},
    {"connect_failures", "outputd_broker_connect_failures_total"},
};

static const struct counter_info *info_of(const char *counter)
{
    const struct counter_info *info = NULL;

    for (unsigned i = 0; (info = counters_info(i)) && strcmp(info->name, counter) != 0; i++)
        ;
    return info;
}

static void put_group(struct buffer *out, const struct counters *counters, const char *name, const char *help,
                      const char *label, const struct group *group)
{
    metrics_text_family(out, name, "counter", help);
    for (; group->counter; group++) {
        struct buffer labels = {0};

        metrics_text_label(&labels, label, group->value);
        buffer_put_u8(&labels, '\0');
        metrics_text_value(out, name, (const char *)labels.data, info_of(group->counter)->value(counters));
        buffer_release(&labels);
    }
}

static bool is_in(const struct group *group, const char *counter)
{
    while (group->counter && strcmp(group->counter, counter) != 0)
        group++;
    return group->counter != NULL;
}

static void put_single(struct buffer *out, const struct counters *counters, const struct counter_info *info)
{
    char name[80];

    snprintf(name, sizeof name, "outputd_%s_total", info->name);
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (strcmp(renamed[i].counter, info->name) == 0)
            snprintf(name, sizeof name, "%s", renamed[i].name);
    }
    metrics_text_family(out, name, "counter", info->help);
    metrics_text_value(out, name, NULL, info->value(counters));
}

void metrics_text_counters(struct buffer *out, const struct counters *counters)
{
    const struct counter_info *info;

    put_group(out, counters, "outputd_acks_total", "Messages on ack topics, by what they were.", "kind", ack_kinds);
    put_group(out, counters, "outputd_drops_total", "Messages that were dropped unanswered, by why.", "reason",
              drop_reasons);
    put_group(out, counters, "outputd_registry_loads_total", "Reloads of the registry, or of all files.", "result",
              load_results);
    for (unsigned i = 0; (info = counters_info(i)); i++) {
        if (!is_in(ack_kinds, info->name) && !is_in(drop_reasons, info->name) && !is_in(load_results, info->name))
            put_single(out, counters, info);
    }
}

/* --- what was counted by event --- */

static void put_replies(struct buffer *out, const struct metrics *m)
{
    static const char *const actions[METRICS_ACTIONS] = {"set", "set_all", "other"};
    static const char name[] = "outputd_requests_total";
    char labels[64];
    int code;

    metrics_text_family(out, name, "counter", "Requests that were answered, by action and code; 0 is success.");
    for (size_t action = 0; action < METRICS_ACTIONS; action++) {
        for (size_t i = 0; (code = metrics_code_at(i)) >= 0; i++) {
            if (code != CODE_SUCCESS && m->replies[action][i] == 0)
                continue;
            snprintf(labels, sizeof labels, "action=\"%s\",code=\"%d\"", actions[action], code);
            metrics_text_value(out, name, labels, m->replies[action][i]);
        }
    }
}

static void put_profile(struct buffer *out, const char *name, const struct profile_metrics *profile,
                        const char *outcome, uint64_t value)
{
    struct buffer labels = {0};

    metrics_text_label(&labels, "profile", profile->name);
    if (outcome)
        metrics_text_label(&labels, "outcome", outcome);
    buffer_put_u8(&labels, '\0');
    metrics_text_value(out, name, (const char *)labels.data, value);
    buffer_release(&labels);
}

static void put_profiles(struct buffer *out, const struct metrics *m)
{
    static const char commands[] = "outputd_commands_total";
    static const char outcomes[] = "outputd_outcomes_total";

    metrics_text_family(out, commands, "counter", "Commands that were handed to the broker, by profile.");
    for (size_t i = 0; i < m->profile_count; i++)
        put_profile(out, commands, &m->profiles[i], NULL, m->profiles[i].commands);
    metrics_text_family(out, outcomes, "counter",
                        "How accepted requests ended, by profile; none: before it came to a command.");
    for (size_t i = 0; i < m->profile_count; i++) {
        for (unsigned o = 0; o < METRICS_OUTCOMES; o++)
            put_profile(out, outcomes, &m->profiles[i], outcome_name((enum outcome)o), m->profiles[i].outcomes[o]);
    }
}

void metrics_text_events(struct buffer *out, const struct metrics *m)
{
    put_replies(out, m);
    put_profiles(out, m);
    metrics_text_histogram(out, "outputd_queue_seconds", "From a request's arrival until its turn at its tracker.",
                           &m->queue);
    metrics_text_histogram(out, "outputd_device_seconds", "From the command until the request ended.", &m->device);
    metrics_text_histogram(out, "outputd_request_seconds", "From a request's arrival until it ended.", &m->request);
    metrics_text_histogram(out, "outputd_journal_commit_seconds", "Writes of the journal.", &m->commit);
}
