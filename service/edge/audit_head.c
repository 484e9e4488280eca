#include "edge/audit_head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

enum { SEQ_DIGITS = 20, HEAD_SIZE = SEQ_DIGITS + 1 + AUDIT_DIGEST_DIGITS + 1 }; /* "number digest" and a line feed */

/* "" in the file is the beginning, too. */
static bool read_head(const char *text, size_t len, struct audit_chain *chain)
{
    uint8_t raw[DIGEST_SIZE];
    const char *digits = text + SEQ_DIGITS + 1;

    if (len != HEAD_SIZE || text[SEQ_DIGITS] != ' ' || text[HEAD_SIZE - 1] != '\n' ||
        !bytes_from_hex(bytes_of(digits, AUDIT_DIGEST_DIGITS), raw, sizeof raw))
        return len == 0;
    chain->seq = strtoull(text, NULL, 10);
    memcpy(chain->head, digits, AUDIT_DIGEST_DIGITS);
    return true;
}

int audit_head_open(struct audit_head *h, const char *path, struct audit_chain *chain)
{
    char text[HEAD_SIZE + 1] = "";
    ssize_t len;

    audit_chain_begin(chain);
    h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->fd < 0)
        return -errno;
    len = pread(h->fd, text, HEAD_SIZE, 0);
    if (len < 0)
        return -errno;
    if (!read_head(text, (size_t)len, chain))
        log_write(LOG_WARNING, "where the audit trail stood cannot be read", LOG_TEXT("path", path));
    return 0;
}

void audit_head_close(struct audit_head *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}

/* What cannot be written is told by the trail's own file, which has the same disk or a better one. */
void audit_head_write(const struct audit_head *h, const struct audit_chain *chain)
{
    char text[HEAD_SIZE + 1];
    ssize_t n;

    if (h->fd < 0)
        return;
    snprintf(text, sizeof text, "%0*llu %s\n", SEQ_DIGITS, (unsigned long long)chain->seq, chain->head);
    n = pwrite(h->fd, text, HEAD_SIZE, 0);
    (void)n;
}
