#include "edge/http_ask.h"

#include <stdlib.h>

#include "base/check.h"

struct http_ask *http_ask_new(void)
{
    struct http_ask *ask = calloc(1, sizeof *ask);

    CHECK(ask);
    return ask;
}

void http_ask_free(struct http_ask *ask)
{
    if (!ask)
        return;
    buffer_release(&ask->target);
    buffer_release(&ask->query);
    buffer_release(&ask->content_type);
    buffer_release(&ask->authorization);
    buffer_release(&ask->host);
    buffer_release(&ask->fetch_site);
    buffer_release(&ask->last_event_id);
    buffer_release(&ask->body);
    buffer_release(&ask->answer.body);
    free(ask);
}

void http_ask_answer(struct http_ask *ask, unsigned status, const char *text)
{
    ask->answer.status = status;
    buffer_put_text(&ask->answer.body, text);
    buffer_put_u8(&ask->answer.body, '\n');
}
