#include "support/book.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/buffer.h"

struct book book;

int book_reopen(void)
{
    journal_free(book.journal);
    memory_disk_restart(&book.disk);
    book.journal = journal_new(&book.disk.disk, book.disk.size);
    return journal_load(book.journal);
}

void book_open(uint64_t size, bool sync)
{
    memory_disk_init(&book.disk, size, sync);
    book.journal = journal_new(&book.disk.disk, size);
    cr_assert_eq(journal_format(book.journal), 0);
    cr_assert_eq(book_reopen(), 0);
}

void book_close(void)
{
    journal_free(book.journal);
    memory_disk_release(&book.disk);
    book.journal = NULL;
}

void book_put(enum journal_kind kind, uint64_t id, const char *text)
{
    journal_put(book.journal, kind, id, bytes_of_text(text));
}

static uint8_t byte_of(uint64_t id, size_t len, size_t at)
{
    return (uint8_t)(id * 7 + len + at);
}

void book_put_size(uint64_t id, size_t len)
{
    struct buffer record = {0};

    for (size_t i = 0; i < len; i++)
        buffer_put_u8(&record, byte_of(id, len, i));
    journal_put(book.journal, JOURNAL_REQUEST, id, buffer_bytes(&record));
    buffer_release(&record);
}

struct comparison {
    const size_t *lens;
    size_t count;
    size_t same;
};

static int compare(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct comparison *c = ctx;

    (void)kind;
    if (id >= c->count || record.len != c->lens[id])
        return -EBADMSG;
    for (size_t i = 0; i < record.len; i++) {
        if (record.data[i] != byte_of(id, record.len, i))
            return -EBADMSG;
    }
    c->same++;
    return 0;
}

bool book_holds(const size_t *lens, size_t count)
{
    struct comparison c = {lens, count, 0};
    size_t expected = 0;

    for (size_t i = 0; i < count; i++)
        expected += lens[i] > 0;
    return journal_each(book.journal, JOURNAL_REQUEST, compare, &c) == 0 && c.same == expected;
}

void book_commit(void)
{
    cr_assert_eq(journal_commit(book.journal), 0, "%s", journal_error(book.journal));
}

static int list(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    buffer_printf(ctx, "%s%d/%llu=%.*s", ((struct buffer *)ctx)->len ? " " : "", (int)kind, (unsigned long long)id,
                  (int)record.len, (const char *)record.data);
    return 0;
}

void book_expect(enum journal_kind kind, const char *expected)
{
    struct buffer out = {0};

    cr_expect_eq(journal_each(book.journal, kind, list, &out), 0);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected);
    buffer_release(&out);
}

size_t book_count(void)
{
    return journal_totals(book.journal).records;
}
