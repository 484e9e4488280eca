/* What the service counts, each since its start. */
#ifndef CORE_COUNTERS_H
#define CORE_COUNTERS_H

#include <stdint.h>

#define COUNTERS(X)                                                                                    \
    X(requests, "requests that arrived")                                                               \
    X(requests_accepted, "passed every check and were taken on")                                       \
    X(requests_refused, "answered with an error by a check")                                           \
    X(requests_duplicate, "the same request again, pending or answered")                               \
    X(requests_reply_topic_refused, "not executed and not answered: their reply topic is not allowed") \
    X(requests_retained, "retained, refused")                                                          \
    X(commands, "commands handed to the broker")                                                       \
    X(commands_cancelled, "commands that were due but could no longer be sent in time")                \
    X(replies, "replies handed to the broker")                                                         \
    X(replies_delivered, "replies that the broker has acknowledged")                                   \
    X(outcome_success, "requests that ended with success")                                             \
    X(outcome_not_sent, "accepted requests of which nothing left the service")                         \
    X(outcome_rejected, "requests that the tracker refused")                                           \
    X(outcome_unknown, "requests whose command left and was not acked")                                \
    X(acks_matched, "acks that completed a request")                                                   \
    X(acks_late, "acks of a command that had timed out")                                               \
    X(acks_duplicate, "acks of a command that had been acked")                                         \
    X(acks_unknown, "acks of no command of ours")                                                      \
    X(acks_unrelated, "messages on an ack topic that are no ack")                                      \
    X(acks_malformed, "messages on an ack topic that cannot be read")                                  \
    X(acks_retained, "retained messages on an ack topic, ignored as stale")                            \
    X(presence_changes, "trackers that came online or went offline")                                   \
    X(presence_unreadable, "presence messages that say neither")                                       \
    X(presence_overflow, "presence of trackers beyond engine.trackers_max, dropped")                   \
    X(states_published, "states of outputs handed to the broker")                                      \
    X(publishes_refused, "publishes that the broker refused or that cannot be sent at all")            \
    X(messages_unexpected, "messages on a topic of no meaning")                                        \
    X(connects, "connections to a broker")                                                             \
    X(connect_failures, "failed attempts to connect")                                                  \
    X(outbox_overflows, "connections dropped because the outbox was full")                             \
    X(journal_failures, "turns whose journal could not be written")                                    \
    X(shared_refusals, "questions that the server of shared state would not answer")                   \
    X(records_unreadable, "records of shared state that this version cannot read")                     \
    X(audit_lines, "lines of the audit trail written to its file")                                     \
    X(audit_omitted, "ended requests that have no line in the audit trail: beyond its limits")         \
    X(audit_unpublished, "lines of the audit trail that did not reach its topic")                      \
    X(audit_failures, "failed attempts to write the audit trail")                                      \
    X(reloads, "reloads of registry, profiles and limits")                                             \
    X(reloads_failed, "reloads that were refused for a mistake in a file")                             \
    X(registry_changes, "rows of the registry's database that were read again for a change")           \
    X(registry_rows_refused, "rows of the registry's database that were left out for a mistake")

struct counters {
#define COUNTER_FIELD(name, help) uint64_t name;
    COUNTERS(COUNTER_FIELD)
#undef COUNTER_FIELD
};

struct counter_info {
    const char *name;
    const char *help;
    uint64_t (*value)(const struct counters *counters);
};

/* Walks the counters: the info of number `index`, NULL at the end. */
const struct counter_info *counters_info(unsigned index);

#endif
