/* Events as the console's pages get them, as server-sent events:
 *
 *     id: 1a2b3c-17
 *     event: settled
 *     data: {"id": 383091996549123, "tracker": 265489, …}
 *
 * "request" (accepted), "command" (handed to the broker), "settled", "refused", "presence"; "hello" comes first and
 * says which life of the service it is; "missed" says how many events this page was too slow for; "beat" comes when
 * there is nothing else to tell. */
#ifndef EDGE_CONSOLE_STREAM_H
#define EDGE_CONSOLE_STREAM_H

#include "edge/console_ring.h"

/* False: nothing that pages are shown. */
bool console_event_of(const struct engine_event *event, int64_t wall_ms, struct console_event *out);

void console_stream_event(const struct console_event *event, uint64_t life, struct buffer *out);
void console_stream_hello(uint64_t life, uint32_t retry_ms, uint64_t beat_ms, struct buffer *out);
void console_stream_missed(uint64_t count, struct buffer *out);

/* Means nothing, but that both sides see whether the other is still there. */
void console_stream_beat(struct buffer *out);

/* The number behind the last event that a page has heard, from the id of that; of another life or unreadable: `fresh`.
 */
uint64_t console_stream_resume(struct bytes last_event_id, uint64_t life, uint64_t fresh);

#endif
