/* Figures in Prometheus' text format, version 0.0.4.
 *
 *     metrics_text_family(out, "outputd_acks_total", "counter", "Messages on ack topics, by kind.");
 *     metrics_text_value(out, "outputd_acks_total", "kind=\"late\"", 3);
 */
#ifndef EDGE_METRICS_TEXT_H
#define EDGE_METRICS_TEXT_H

#include "base/buffer.h"
#include "edge/metrics.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The lines before a family's samples. type: "counter", "gauge" or "histogram". */
void metrics_text_family(struct buffer *out, const char *name, const char *type, const char *help);

/* labels: as they stand between the braces, or NULL. */
void metrics_text_value(struct buffer *out, const char *name, const char *labels, uint64_t value);
void metrics_text_seconds(struct buffer *out, const char *name, const char *labels, uint64_t us);

/* Families by themselves. */
void metrics_text_gauge(struct buffer *out, const char *name, const char *help, uint64_t value);
void metrics_text_histogram(struct buffer *out, const char *name, const char *help, const struct histogram *h);

/* name="value", with what a label's value must not hold escaped. Appends a comma where `out` is not empty. */
void metrics_text_label(struct buffer *out, const char *name, const char *value);

/* All of the engine's counters. */
void metrics_text_counters(struct buffer *out, const struct counters *counters);

/* What metrics_event has counted. */
void metrics_text_events(struct buffer *out, const struct metrics *m);

#endif
