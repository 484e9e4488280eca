/* audit verify: is every line there, as it was written, and where it was? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/audit_chain.h"
#include "verbs.h"

/* One file, and the first line of it, by which they are put in order. */
struct trail_file {
    const char *path;
    struct audit_place first;
    bool has_first;
};

struct where {
    const char *path;
    uint64_t line;
};

struct check {
    const char *wanted; /* the head that must be there; NULL: none is */
    bool found;
    uint64_t lines;
    uint64_t first_seq;
    struct audit_chain chain; /* of what was read and is good */
    struct where last;        /* of the last line of it */

    bool broken; /* what follows is only searched for an explanation */
    bool is_explained;
    struct where at;                      /* of the line that does not fit, or of the one before it */
    struct audit_place place;             /* of the line that does not fit */
    char digest[AUDIT_DIGEST_DIGITS + 1]; /* of that line */
    bool has_next;                        /* the line behind it was seen */
};

static struct where place_of(const char *path, uint64_t line)
{
    return (struct where){path, line};
}

static void say(struct where at, const char *what)
{
    printf("%s:%llu: %s\n", at.path, (unsigned long long)at.line, what);
}

/* --- a line that does not fit --- */

static void explain(struct check *c, struct where at, const char *what)
{
    say(at, what);
    c->is_explained = true;
}

static void explain_missing(struct check *c)
{
    unsigned long long from = c->chain.seq + 1;
    unsigned long long to = c->place.seq - 1;
    char what[96];

    if (from == to)
        snprintf(what, sizeof what, "number %llu is missing before this line", from);
    else
        snprintf(what, sizeof what, "numbers %llu to %llu are missing before this line", from, to);
    explain(c, c->at, what);
}

/* By itself it tells this much; what follows may tell more. */
static void break_at(struct check *c, struct where at, const struct audit_place *place, struct bytes line)
{
    struct audit_chain own;
    bool follows = strcmp(place->prev, c->chain.head) == 0;

    c->broken = true;
    c->at = at;
    c->place = *place;
    audit_chain_follow(&own, place->seq, line);
    memcpy(c->digest, own.head, sizeof c->digest);
    if (follows && place->seq != c->chain.seq + 1)
        explain(c, at, "changed: its number is another one");
    else if (place->seq <= c->chain.seq)
        explain(c, at, "inserted, or not in its place: this number was there before");
    else if (c->lines == 0)
        explain(c, at, "changed: number 1 has a line before it");
}

/* The line behind tells which of the two was changed: where it has the digest of the one that does not fit, that one is
 * as it was written. */
static void look_behind(struct check *c, const struct audit_place *place)
{
    bool is_whole = !place || strcmp(place->prev, c->digest) == 0;

    c->has_next = true;
    if (c->place.seq != c->chain.seq + 1)
        return;
    if (is_whole)
        explain(c, c->last, "changed: the line behind it has another digest for it");
    else
        explain(c, c->at, "changed, and perhaps the line before it, too");
}

static void search(struct check *c, struct bytes line)
{
    struct audit_place place;

    if (!audit_place_read(line, &place))
        return;
    if (!c->has_next)
        look_behind(c, &place);
    if (!c->is_explained && place.seq == c->chain.seq + 1)
        explain(c, c->at, "not in its place: lines were put into another order");
}

/* Nothing more comes. */
static void explain_at_last(struct check *c)
{
    if (!c->has_next)
        look_behind(c, NULL);
    if (!c->is_explained)
        explain_missing(c);
}

/* --- lines --- */

static void note_good(struct check *c, struct where at, const struct audit_place *place, struct bytes line)
{
    if (c->lines++ == 0)
        c->first_seq = place->seq;
    audit_chain_follow(&c->chain, place->seq, line);
    c->last = at;
    c->found |= c->wanted && strcmp(c->wanted, c->chain.head) == 0;
}

/* Before the first line there may have been others, in files that are not given. */
static bool fits(const struct check *c, const struct audit_place *place)
{
    struct audit_chain none;

    audit_chain_begin(&none);
    if (c->lines == 0)
        return place->seq > 1 || strcmp(place->prev, none.head) == 0;
    return place->seq == c->chain.seq + 1 && strcmp(place->prev, c->chain.head) == 0;
}

static void take_line(struct check *c, struct where at, struct bytes line)
{
    struct audit_place place;

    if (c->broken) {
        if (!c->is_explained)
            search(c, line);
        return;
    }
    if (!audit_place_read(line, &place)) {
        c->broken = true;
        explain(c, at, "changed: it is no line of an audit trail");
    } else if (fits(c, &place)) {
        note_good(c, at, &place, line);
    } else {
        break_at(c, at, &place, line);
    }
}

/* --- files --- */

static FILE *open_trail(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (!in)
        fprintf(stderr, "outputctl audit: %s: %s\n", path, strerror(errno));
    return in;
}

/* A line without its end is what a crash or a full disk leaves: it was never one of the trail, and the service cuts it
 * off or writes it anew. */
static void take_file(struct check *c, const char *path, FILE *in)
{
    char *line = NULL;
    size_t size = 0;
    uint64_t number = 0;
    ssize_t len;

    while ((len = getline(&line, &size, in)) > 0) {
        number++;
        if (line[len - 1] == '\n')
            take_line(c, place_of(path, number), bytes_of(line, (size_t)len - 1));
        else if (!c->broken)
            say(place_of(path, number), "ends inside a line that was never finished");
    }
    free(line);
}

static int compare(const void *a, const void *b)
{
    const struct trail_file *one = a;
    const struct trail_file *other = b;

    return (one->first.seq > other->first.seq) - (one->first.seq < other->first.seq);
}

/* Reads the first line of each file. False: one cannot be opened. */
static bool read_firsts(struct trail_file *files, int count)
{
    for (int i = 0; i < count; i++) {
        FILE *in = open_trail(files[i].path);
        char *line = NULL;
        size_t size = 0;
        ssize_t len;

        if (!in)
            return false;
        len = getline(&line, &size, in);
        files[i].has_first =
            len > 0 && audit_place_read(bytes_of(line, (size_t)len - (line[len - 1] == '\n')), &files[i].first);
        free(line);
        fclose(in);
    }
    return true;
}

/* By their first numbers, where all of them have one and none is stdin, so that audit.jsonl* will do. */
static bool put_in_order(struct trail_file *files, int count)
{
    bool all = true;

    for (int i = 0; i < count; i++) {
        if (strcmp(files[i].path, "-") == 0)
            return true;
    }
    if (!read_firsts(files, count))
        return false;
    for (int i = 0; i < count; i++)
        all &= files[i].has_first;
    if (all)
        qsort(files, (size_t)count, sizeof *files, compare);
    return true;
}

static bool take_files(struct check *c, const struct trail_file *files, int count)
{
    for (int i = 0; i < count; i++) {
        FILE *in = open_trail(files[i].path);
        bool is_read;

        if (!in)
            return false;
        take_file(c, files[i].path, in);
        is_read = !ferror(in);
        if (!is_read)
            fprintf(stderr, "outputctl audit: %s: cannot be read\n", files[i].path);
        if (in != stdin)
            fclose(in);
        if (!is_read)
            return false;
    }
    return true;
}

/* --- the verdict --- */

static int conclude(struct check *c)
{
    if (c->broken) {
        if (!c->is_explained)
            explain_at_last(c);
        return EXIT_ERROR;
    }
    if (c->lines == 0) {
        puts("there is no line in it");
        return c->wanted ? EXIT_ERROR : EXIT_SUCCESS;
    }
    if (c->wanted && !c->found) {
        say(c->last, "cut off behind this line, or all of it is another trail: the head is not there");
        return EXIT_ERROR;
    }
    if (c->first_seq > 1)
        printf("begins with number %llu: the lines before it are not here\n", (unsigned long long)c->first_seq);
    printf("%llu lines, numbers %llu to %llu: none missing, none changed\nhead %s\n", (unsigned long long)c->lines,
           (unsigned long long)c->first_seq, (unsigned long long)c->chain.seq, c->chain.head);
    return EXIT_SUCCESS;
}

static bool head_is_good(const struct options *options)
{
    uint8_t raw[DIGEST_SIZE];

    if (!options->head || bytes_from_hex(bytes_of_text(options->head), raw, sizeof raw))
        return true;
    options_wrong(options, "--head: \"%s\" is not %d hex digits", options->head, AUDIT_DIGEST_DIGITS);
    return false;
}

int audit_verify_run(const struct options *options, char *const *paths, int count)
{
    struct check c = {.wanted = options->head};
    struct trail_file *files = calloc((size_t)count, sizeof *files);
    int status = EXIT_ERROR;

    CHECK(files);
    audit_chain_begin(&c.chain);
    for (int i = 0; i < count; i++)
        files[i].path = paths[i];
    if (!head_is_good(options))
        status = EXIT_USAGE;
    else if (put_in_order(files, count) && take_files(&c, files, count))
        status = conclude(&c);
    free(files);
    return status;
}
