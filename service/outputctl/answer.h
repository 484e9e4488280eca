/* A reply, as its requester reads it. */
#ifndef OUTPUTCTL_ANSWER_H
#define OUTPUTCTL_ANSWER_H

#include "base/buffer.h"

enum { ANSWER_TEXT_MAX = 256, ANSWER_ERRORS_MAX = 16 };

struct answer_error {
    char parameter[ANSWER_TEXT_MAX];
    char error[ANSWER_TEXT_MAX];
};

struct answer {
    bool success;
    int64_t code; /* 0: none was given */
    char description[ANSWER_TEXT_MAX];
    char outcome[ANSWER_TEXT_MAX];    /* "not_sent" …, empty: none was given */
    char request_id[ANSWER_TEXT_MAX]; /* as JSON, empty: none */
    size_t error_count;
    struct answer_error errors[ANSWER_ERRORS_MAX]; /* of code 7: which parameters are bad */
};

/* Reads a reply that json_text_of_payload made JSON of. Its texts come out fit for a terminal; what is longer than the
 * struct is cut. -EBADMSG where there is no boolean `success`. */
int answer_read(struct bytes json, struct answer *answer);

/* What an outcome means for the relay, "the output may have switched"; NULL for a name that is not known. */
const char *answer_outcome_in_words(const char *outcome);

#endif
