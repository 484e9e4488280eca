/* health: asks a service over HTTP whether it is ready. A container without a shell can run it as its health check. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "terminal.h"
#include "verbs.h"

/* The service answers with a line or two; what goes beyond is not read. */
enum { BODY_MAX = 4096, STATUS_OK = 200 };

/* curl's write callback: less than it was given ends the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct buffer *body = ctx;
    size_t len = size * count;
    size_t room = BODY_MAX - body->len;

    buffer_put(body, bytes_of(data, len < room ? len : room));
    return len < room ? len : room;
}

static CURL *prepare(const struct options *options, struct buffer *body, char error[CURL_ERROR_SIZE])
{
    CURL *curl = curl_easy_init();

    CHECK(curl);
    curl_easy_setopt(curl, CURLOPT_URL, options->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->health_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    return curl;
}

/* The HTTP status, or -EIO with the reason printed. */
static long fetch(const struct options *options, struct buffer *body)
{
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = prepare(options, body, error);
    CURLcode r = curl_easy_perform(curl);
    bool is_cut = r == CURLE_WRITE_ERROR && body->len == BODY_MAX;
    long status = -EIO;

    if (r == CURLE_OK || is_cut)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    else
        fprintf(stderr, "outputctl: %s: %s\n", options->url, *error ? error : curl_easy_strerror(r));
    curl_easy_cleanup(curl);
    return status;
}

/* Line by line, so that only the ends of lines are taken as they are. */
static void print_body(struct bytes body)
{
    struct buffer shown = {0};

    while (body.len) {
        const uint8_t *end = memchr(body.data, '\n', body.len);
        size_t len = end ? (size_t)(end - body.data) : body.len;

        terminal_put(&shown, bytes_of(body.data, len));
        buffer_put_u8(&shown, '\n');
        len += end != NULL;
        body = bytes_of(body.data + len, body.len - len);
    }
    fwrite(shown.data, 1, shown.len, stdout);
    buffer_release(&shown);
}

int health_run(const struct options *options)
{
    struct buffer body = {0};
    long status;

    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    status = fetch(options, &body);
    if (body.len)
        print_body(buffer_bytes(&body));
    if (status >= 0 && status != STATUS_OK)
        fprintf(stderr, "outputctl: %s: status %ld\n", options->url, status);
    buffer_release(&body);
    curl_global_cleanup();
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_ERROR;
}
