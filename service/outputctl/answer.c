#include "answer.h"

#include <errno.h>
#include <jansson.h>

#include "terminal.h"
#include "wire/code.h"

static void put_text(char out[ANSWER_TEXT_MAX], struct bytes text)
{
    struct buffer safe = {0};
    size_t len;

    terminal_put(&safe, text);
    len = safe.len;
    while (len >= ANSWER_TEXT_MAX || (len < safe.len && (safe.data[len] & 0xC0) == 0x80))
        len--; /* not into the middle of a character */
    if (len)
        memcpy(out, safe.data, len);
    out[len] = '\0';
    buffer_release(&safe);
}

static void copy_text(char out[ANSWER_TEXT_MAX], const json_t *string)
{
    put_text(out, bytes_of(json_string_value(string), json_string_length(string)));
}

static void copy_request_id(char out[ANSWER_TEXT_MAX], const json_t *id)
{
    char *text = id ? json_dumps(id, JSON_ENCODE_ANY) : NULL;

    put_text(out, bytes_of_text(text));
    free(text);
}

static void copy_errors(struct answer *answer, const json_t *errors)
{
    size_t count = json_array_size(errors);

    for (size_t i = 0; i < count && i < ANSWER_ERRORS_MAX; i++) {
        const json_t *error = json_array_get(errors, i);
        struct answer_error *out = &answer->errors[answer->error_count++];

        copy_text(out->parameter, json_object_get(error, "parameter"));
        copy_text(out->error, json_object_get(error, "error"));
    }
}

int answer_read(struct bytes json, struct answer *answer)
{
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, NULL);
    const json_t *success = json_object_get(root, "success");
    const json_t *status = json_object_get(root, "status");
    int r = json_is_boolean(success) ? 0 : -EBADMSG;

    *answer = (struct answer){.success = json_is_true(success)};
    answer->code = json_integer_value(json_object_get(status, "code"));
    copy_text(answer->description, json_object_get(status, "description"));
    copy_text(answer->outcome, json_object_get(root, "outcome"));
    copy_request_id(answer->request_id, json_object_get(root, "request_id"));
    copy_errors(answer, json_object_get(root, "errors"));
    json_decref(root);
    return r;
}

const char *answer_outcome_in_words(const char *outcome)
{
    static const char *const words[] = {
        [OUTCOME_NOT_SENT] = "nothing was sent to the tracker",
        [OUTCOME_REJECTED] = "the tracker refused",
        [OUTCOME_UNKNOWN] = "the output may have switched",
    };

    for (enum outcome i = OUTCOME_NOT_SENT; i <= OUTCOME_UNKNOWN; i++) {
        if (strcmp(outcome, outcome_name(i)) == 0)
            return words[i];
    }
    return NULL;
}
