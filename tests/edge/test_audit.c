/* Which lines are written when, and which are left out. */
#include "edge/audit.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edge/audit_chain.h"
#include "scratch.h"

static struct audit *audit;
static struct audit_options options;
static struct counters counters;
static struct instant now;
static struct pending request;

static void start(void)
{
    scratch_open();
    now = (struct instant){.mono_ms = 100000, .wall_ms = INT64_C(1764380000000)};
    options = (struct audit_options){
        .path = scratch_path("audit.jsonl"), .instance = "one", .bytes_max = 16, .buffer_bytes_max = 65536};
    request = (struct pending){.id = 17,
                               .tracker_id = 265489,
                               .user_id = 1,
                               .arrived = now,
                               .command = {.action = ACTION_SET, .output = 2, .enable = true},
                               .route = {.topic = bytes_of_text("me")}};
}

static void stop(void)
{
    audit_close(audit, true, now);
    scratch_close();
}

TestSuite(audit, .init = start, .fini = stop, .timeout = 20);

static void open_trail(void)
{
    const char *error;

    audit = audit_open(&options, &counters, now, &error);
    cr_assert(audit, "%s", error);
}

/* --- what is in the file --- */

static struct {
    json_t *lines[4096];
    int count;
    struct audit_chain chain;
} file;

static void read_line(struct audit_chain *chain, char *text)
{
    struct audit_place place;
    struct bytes line = bytes_of(text, strcspn(text, "\n"));

    cr_assert_eq(line.data[line.len], '\n', "a line without its end: %s", text);
    cr_assert(audit_place_read(line, &place), "%s", text);
    cr_assert_eq(place.seq, chain->seq + 1, "%s", text);
    cr_assert_str_eq(place.prev, chain->head, "%s", text);
    audit_chain_follow(chain, place.seq, line);
    cr_assert_lt(file.count, 4096);
    file.lines[file.count] = json_loadb(text, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert(file.lines[file.count], "no JSON: %s", text);
    file.count++;
}

/* Behind those that were read before. */
static void read_more_lines(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    cr_assert(in);
    while (getline(&text, &size, in) > 0)
        read_line(&file.chain, text);
    free(text);
    fclose(in);
}

static void read_lines(const char *path)
{
    audit_chain_begin(&file.chain);
    for (int i = 0; i < file.count; i++)
        json_decref(file.lines[i]);
    file.count = 0;
    read_more_lines(path);
}

/* Whatever their numbers are. */
static void read_numbers(void)
{
    FILE *in = fopen(options.path, "re");
    char *text = NULL;
    size_t size = 0;

    cr_assert(in);
    while (getline(&text, &size, in) > 0)
        file.lines[file.count++] = json_loads(text, 0, NULL);
    free(text);
    fclose(in);
}

/* All lines so far, each in its place in the chain. The returned one is the last. */
static json_t *read_file(void)
{
    read_lines(options.path);
    return file.count ? file.lines[file.count - 1] : NULL;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));

    return text ? text : "";
}

static json_int_t number_of(const json_t *line, const char *key)
{
    return json_integer_value(json_object_get(line, key));
}

static int count_events(const char *event)
{
    int count = 0;

    read_file();
    for (int i = 0; i < file.count; i++)
        count += strcmp(text_of(file.lines[i], "event"), event) == 0;
    return count;
}

/* --- what happens --- */

static void end(enum engine_event_kind kind, enum code code, enum outcome outcome)
{
    audit_event(
        audit,
        &(struct engine_event){.kind = kind, .id = request.id, .code = code, .outcome = outcome, .pending = &request},
        now);
}

static void settle(void)
{
    end(EVENT_REQUEST_SETTLED, CODE_OFFLINE, OUTCOME_UNKNOWN);
}

static void refuse(enum code code)
{
    end(EVENT_REQUEST_REFUSED, code, OUTCOME_NOT_SENT);
}

static void send_command(const char *payload)
{
    audit_command(audit, &(struct engine_command){
                             .id = request.id, .topic = bytes_of_text("to"), .payload = bytes_of_text(payload)});
}

static void flush_after(uint64_t ms)
{
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
    audit_flush(audit, true, now);
}

/* --- lines --- */

Test(audit, the_first_line_tells_of_the_start)
{
    open_trail();
    audit_flush(audit, true, now);
    cr_assert_str_eq(text_of(read_file(), "event"), "start");
    cr_assert_str_eq(text_of(file.lines[0], "instance"), "one");
    cr_assert_str_eq(text_of(file.lines[0], "at"), "2025-11-29T01:33:20.000Z");
    cr_assert_eq(counters.audit_lines, 1);
}

Test(audit, a_line_tells_what_was_sent_and_what_came_back)
{
    static const uint8_t ack[] = {0x78, 0x00, 0xFF};
    const json_t *line;

    open_trail();
    send_command("OUT2=1");
    audit_event(audit,
                &(struct engine_event){.kind = EVENT_REQUEST_SETTLED,
                                       .id = 17,
                                       .pending = &request,
                                       .ack_topic = bytes_of_text("from"),
                                       .ack = bytes_of(ack, sizeof ack),
                                       .total_ms = 42},
                now);
    audit_flush(audit, true, now);
    line = read_file();
    cr_assert_str_eq(text_of(line, "event"), "settled");
    cr_assert_eq(number_of(line, "id"), 17);
    cr_assert_eq(number_of(line, "user_id"), 1);
    cr_assert_eq(number_of(line, "tracker_id"), 265489);
    cr_assert_eq(number_of(line, "output"), 2);
    cr_assert_str_eq(text_of(json_object_get(line, "command"), "topic"), "to");
    cr_assert_str_eq(text_of(json_object_get(line, "command"), "text"), "OUT2=1");
    cr_assert_str_eq(text_of(json_object_get(line, "ack"), "topic"), "from");
    cr_assert_str_eq(text_of(json_object_get(line, "ack"), "hex"), "7800ff");
    cr_assert_eq(number_of(line, "total_ms"), 42);
    cr_assert_null(json_object_get(line, "recovered"));
}

Test(audit, a_command_that_never_left_is_not_told)
{
    open_trail();
    send_command("OUT2=1");
    audit_cancel(audit, 17);
    settle();
    audit_flush(audit, true, now);
    cr_assert_null(json_object_get(read_file(), "command"));
}

Test(audit, what_is_long_is_cut_and_its_length_told)
{
    const json_t *command;

    open_trail();
    send_command("0123456789abcde\xC3\xA9 and more"); /* the cut would go through the é */
    settle();
    audit_flush(audit, true, now);
    command = json_object_get(read_file(), "command");
    cr_assert_str_eq(text_of(command, "text"), "0123456789abcde");
    cr_assert_eq(number_of(command, "bytes"), 26);
}

Test(audit, whatever_strangers_choose_the_line_is_one_and_well_formed)
{
    unsigned short dice[3] = {29, 11, 26};
    uint8_t bytes[64];

    options.bytes_max = 40;
    open_trail();
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(round % 2 ? nrand48(dice) : "\"\\\n\t,{}a\xC3\xA9"[nrand48(dice) % 10]);
        request.route.correlation = bytes_of(bytes, (size_t)nrand48(dice) % sizeof bytes);
        request.route.topic = bytes_of(bytes, (size_t)nrand48(dice) % sizeof bytes);
        settle();
        audit_flush(audit, true, now);
    }
    read_file();
    cr_assert_eq(file.count, 1001);
}

/* The contract: no hash stands in an audit record. */
Test(audit, a_hash_in_what_its_requester_chose_is_left_out)
{
    static const char hash[] = "a6aa75587e5c59c32d347da438505fc3";
    const json_t *line;

    options.bytes_max = 512;
    open_trail();
    request.session = digest_of(bytes_of_text(hash));
    request.route.topic = bytes_of_text("me/A6AA75587E5C59C32D347DA438505FC3/a6aa75587e5c59c32d347da438505fc3");
    request.route.correlation = bytes_of_text("a6aa75587e5c59c32d347da438505fc4, a6aa75587e5c59c32d347da438505fc3.");
    request.route.id = (struct request_id){.kind = REQUEST_ID_TEXT, .len = 32};
    memcpy(request.route.id.text, hash, 32);
    settle();
    audit_flush(audit, true, now);
    line = read_file();
    cr_assert_str_eq(text_of(line, "reply_topic"), "me/(hash)/(hash)");
    cr_assert_str_eq(text_of(line, "request_id"), "(hash)");
    cr_assert_str_eq(text_of(json_object_get(line, "correlation_data"), "text"),
                     "a6aa75587e5c59c32d347da438505fc4, (hash).");
}

Test(audit, what_arrived_before_the_start_says_so)
{
    request.arrived.wall_ms -= 1;
    open_trail();
    settle();
    audit_flush(audit, true, now);
    cr_assert(json_is_true(json_object_get(read_file(), "recovered")));
}

/* --- the journal --- */

Test(audit, no_outcome_is_told_that_the_journal_does_not_have)
{
    open_trail();
    request.committed = true;
    settle();
    request.committed = false; /* the journal has never heard of it: its reply leaves at once */
    refuse(CODE_QUEUE_ERROR);
    audit_flush(audit, false, now);
    cr_assert_str_eq(text_of(read_file(), "event"), "refused");
    cr_assert_eq(file.count, 2);
    audit_flush(audit, true, now);
    cr_assert_str_eq(text_of(read_file(), "event"), "settled");
    cr_assert_eq(file.count, 3);
}

/* --- a flood --- */

Test(audit, of_a_flood_of_refusals_so_many_a_second_are_told_and_the_rest_counted)
{
    const json_t *line;

    options.refused_max_per_s = 5;
    open_trail();
    for (int i = 0; i < 1000; i++)
        refuse(i % 4 ? CODE_WRONG_FORMAT : CODE_WRONG_HASH);
    audit_event(audit, &(struct engine_event){.kind = EVENT_REPLY_TOPIC_REFUSED, .topic = bytes_of_text("x")}, now);
    flush_after(0);
    cr_assert_eq(count_events("refused"), 5);
    cr_assert_eq(count_events("omitted"), 0);
    flush_after(999);
    cr_assert_eq(count_events("omitted"), 0);
    flush_after(1);
    line = read_file();
    cr_assert_str_eq(text_of(line, "event"), "omitted");
    cr_assert_eq(number_of(line, "refused"), 995);
    cr_assert_eq(number_of(line, "dropped"), 1);
    cr_assert_eq(number_of(json_object_get(line, "by_code"), "5"), 747);
    cr_assert_eq(number_of(json_object_get(line, "by_code"), "3"), 248);
    cr_assert_eq(number_of(line, "unwritten"), 0);
    cr_assert_eq(counters.audit_omitted, 996);
}

Test(audit, a_flood_that_does_not_end_is_told_every_second)
{
    options.refused_max_per_s = 5;
    open_trail();
    for (int i = 0; i < 50; i++) {
        for (int j = 0; j < 20; j++)
            refuse(CODE_WRONG_FORMAT);
        flush_after(100);
    }
    cr_assert_eq(count_events("refused"), 25);
    cr_assert_geq(count_events("omitted"), 4);
}

Test(audit, what_reached_a_tracker_is_never_left_out_for_a_flood)
{
    options.refused_max_per_s = 1;
    open_trail();
    for (int i = 0; i < 20; i++) {
        refuse(CODE_WRONG_FORMAT);
        settle();
    }
    flush_after(0);
    cr_assert_eq(count_events("settled"), 20);
    cr_assert_eq(count_events("refused"), 1);
}

/* --- a disk that is full --- */

static void limit_files(rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(audit, lines_wait_for_room_and_requests_go_on)
{
    open_trail();
    audit_flush(audit, true, now);
    limit_files(300);
    for (int i = 0; i < 20; i++)
        settle();
    flush_after(1);
    cr_assert_not(audit_blocks(audit));
    cr_assert_geq(counters.audit_failures, 1);
    read_file();
    cr_assert_lt(file.count, 20);
    limit_files(RLIM_INFINITY);
    flush_after(999);
    read_file();
    cr_assert_lt(file.count, 20, "it is tried once a second");
    flush_after(1);
    cr_assert_eq(count_events("settled"), 20);
    cr_assert_eq(counters.audit_lines, 21);
    cr_assert_eq(counters.audit_omitted, 0);
}

Test(audit, where_it_is_required_nothing_is_taken_meanwhile)
{
    options.required = true;
    open_trail();
    audit_flush(audit, true, now);
    cr_assert_not(audit_blocks(audit));
    limit_files(1);
    settle();
    flush_after(1);
    cr_assert(audit_blocks(audit));
    limit_files(RLIM_INFINITY);
    flush_after(1000);
    cr_assert_not(audit_blocks(audit));
    cr_assert_eq(count_events("settled"), 1);
}

Test(audit, beyond_the_memory_for_it_lines_are_left_out_and_counted)
{
    const json_t *line;
    int kept;

    open_trail();
    audit_flush(audit, true, now);
    limit_files(1);
    for (int i = 0; i < 1000; i++)
        settle();
    flush_after(1);
    cr_assert_gt(counters.audit_omitted, 0);
    kept = 1000 - (int)counters.audit_omitted;
    cr_assert_gt(kept, 100);
    limit_files(RLIM_INFINITY);
    flush_after(1000);
    flush_after(1000);
    cr_assert_eq(count_events("settled"), kept);
    line = read_file();
    cr_assert_str_eq(text_of(line, "event"), "omitted");
    cr_assert_eq(number_of(line, "unwritten"), 1000 - kept);
}

/* Into whichever file there is room for them. */
Test(audit, lines_that_wait_when_the_file_is_renamed_are_written_to_the_next_one)
{
    char before[256];

    open_trail();
    audit_flush(audit, true, now);
    limit_files(1);
    for (int i = 0; i < 5; i++)
        settle();
    flush_after(1);
    snprintf(before, sizeof before, "%s.1", options.path);
    cr_assert_eq(rename(options.path, before), 0);
    audit_reopen(audit, now);
    limit_files(RLIM_INFINITY);
    flush_after(1000);
    read_lines(before);
    cr_assert_eq(file.count, 1);
    read_more_lines(options.path);
    cr_assert_eq(file.count, 6);
    cr_assert_eq(counters.audit_lines, 6);
}

/* --- where the chain stands --- */

static void close_trail(void)
{
    audit_close(audit, true, now);
    audit = NULL;
}

static void write_some(void)
{
    options.head_path = scratch_path("audit.head");
    open_trail();
    settle();
    settle();
    audit_flush(audit, true, now);
    close_trail();
}

Test(audit, rotated_while_nobody_was_there_the_chain_goes_on_in_the_new_file)
{
    char before[256];

    write_some();
    snprintf(before, sizeof before, "%s.1", options.path);
    cr_assert_eq(rename(options.path, before), 0);
    open_trail();
    audit_flush(audit, true, now);
    read_lines(before);
    cr_assert_eq(file.count, 3);
    read_more_lines(options.path);
    cr_assert_eq(file.count, 4);
}

/* The numbers of those that are gone are not given again. */
Test(audit, an_end_that_was_cut_off_while_nobody_was_there_shows)
{
    FILE *in;
    long end = 0;

    write_some();
    in = fopen(options.path, "re");
    cr_assert(in);
    for (int c; (c = fgetc(in)) != EOF && end == 0;)
        end = c == '\n' ? ftell(in) : 0;
    fclose(in);
    cr_assert_eq(truncate(options.path, end), 0);
    open_trail();
    audit_flush(audit, true, now);
    read_numbers();
    cr_assert_eq(number_of(file.lines[0], "seq"), 1);
    cr_assert_eq(number_of(file.lines[1], "seq"), 4);
}

/* Killed between the two writes. */
Test(audit, a_file_that_has_more_than_the_head_is_right)
{
    write_some();
    scratch_write("audit.head", "");
    open_trail();
    audit_flush(audit, true, now);
    read_file();
    cr_assert_eq(file.count, 4);
}

Test(audit, a_topic_alone_goes_on_where_it_was_too)
{
    struct bytes line;
    struct audit_place place;

    options.topic = "audit/tracker/output";
    options.path = NULL;
    write_some();
    open_trail();
    audit_flush(audit, true, now);
    cr_assert(audit_next(audit, &line));
    cr_assert(audit_place_read(line, &place));
    cr_assert_eq(place.seq, 4);
}

/* --- the topic --- */

Test(audit, the_topic_gets_the_lines_of_the_file)
{
    struct bytes line;
    char *text = NULL;
    size_t size = 0;
    FILE *in;

    options.topic = "audit/tracker/output";
    open_trail();
    settle();
    settle();
    audit_flush(audit, true, now);
    in = fopen(options.path, "re");
    cr_assert(in);
    for (int i = 0; i < 3; i++) {
        ssize_t len = getline(&text, &size, in);

        cr_assert(audit_next(audit, &line));
        cr_assert(bytes_equal(line, bytes_of(text, (size_t)len - 1)));
    }
    cr_assert_not(audit_next(audit, &line));
    free(text);
    fclose(in);
}

Test(audit, the_topic_alone_will_do_and_what_nobody_takes_is_bounded)
{
    struct bytes line;
    int got = 0;

    options.topic = "audit/tracker/output";
    options.path = NULL;
    open_trail();
    for (int i = 0; i < 1000; i++) {
        settle();
        audit_flush(audit, true, now);
    }
    cr_assert_gt(counters.audit_unpublished, 0);
    while (audit_next(audit, &line))
        got++;
    cr_assert_eq(got + (int)counters.audit_unpublished, 1001);
    cr_assert_gt(got, 100);
    cr_assert_eq(counters.audit_lines, 0);
}
