/* Families whose bytes a gateway carries: exact commands in, exact acks out. The frames are those of the makers'
 * documents and of Traccar's tests where there are such; the others were made by a renderer of their own, which makes
 * the documented ones, too. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/simulator.h"

enum { FORM_MAX = 512 };

static struct broker *broker;
static struct probe *probe;

static void start_broker(void)
{
    broker = broker_start(NULL);
}

static void stop_broker(void)
{
    if (probe)
        probe_free(probe);
    broker_stop(broker);
}

TestSuite(trackersim_families, .init = start_broker, .fini = stop_broker, .timeout = 60);

/* A text, or with "0x" before it bytes in hex. */
static struct bytes decode(const char *form, uint8_t out[FORM_MAX])
{
    size_t len = strlen(form);

    if (strncmp(form, "0x", 2) != 0)
        return bytes_of(form, len);
    len = len / 2 - 1;
    cr_assert(len <= FORM_MAX && bytes_from_hex(bytes_of(form + 2, 2 * len), out, len), "%s", form);
    return bytes_of(out, len);
}

static struct simulator *play(const char *arguments)
{
    char line[256];

    snprintf(line, sizeof(line), "--trackers 7 --latency-ms 0 --profile %s", arguments);
    return simulator_ready(broker_url(broker), line);
}

static void send_command(const char *form)
{
    uint8_t room[FORM_MAX];

    simulator_command(probe, 7, decode(form, room));
}

static void expect_message(int i, const char *form)
{
    uint8_t room[FORM_MAX];
    struct bytes expected = decode(form, room), got;
    char hex[2 * FORM_MAX + 1];

    cr_assert(probe_wait(probe, i + 1), "message %d does not come", i);
    got = bytes_of(probe->messages[i].payload, probe->messages[i].payload_len);
    cr_assert_leq(got.len, FORM_MAX);
    bytes_to_hex(got, hex);
    cr_assert(bytes_equal(got, expected), "not %s but %s, %.*s", form, hex, (int)got.len, got.data);
}

/* --- acks --- */

static const struct exchange {
    const char *arguments;
    const char *command;
    const char *ack;
    int times; /* so often is the command sent, and the last ack is this; 0: once */
} exchanges[] = {
    /* Teltonika: both on; DOUT1 on; DOUT1 left, DOUT2 off; CR LF behind the text; Codec 14, and with another IMEI; what
     * is no setdigout. */
    {"teltonika", "0x00000000000000140c01050000000c7365746469676f7574203131010000bed5",
     "0x000000000000003b0c010600000033444f5554313a4f4e2054696d656f75743a494e46494e49545920444f5554323a4f4e2054696d656f7"
     "5743a494e46494e49545901000086bd",
     0},
    {"teltonika", "0x00000000000000130c01050000000b7365746469676f7574203101000087a2",
     "0x00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd", 0},
    {"teltonika", "0x00000000000000140c01050000000c7365746469676f7574203f30010000edb5",
     "0x00000000000000300c010600000028444f5554313a49474e4f52454420444f5554323a4f46462054696d656f75743a494e46494e4954590"
     "10000dcf0",
     0},
    {"teltonika", "0x00000000000000160c01050000000e7365746469676f75742031310d0a010000e258",
     "0x000000000000003b0c010600000033444f5554313a4f4e2054696d656f75743a494e46494e49545920444f5554323a4f4e2054696d656f7"
     "5743a494e46494e49545901000086bd",
     0},
    {"teltonika --device-id 352093081452251",
     "0x000000000000001c0e01050000001403520930814522517365746469676f757420313f0100005e29",
     "0x00000000000000370e01060000002f0352093081452251444f5554313a4f4e2054696d656f75743a494e46494e49545920444f5554323a4"
     "9474e4f524544010000d2d2",
     0},
    {"teltonika --device-id 352093081452468", "0x00000000000000160e01050000000e0352093081452251676574766572010000d2c1",
     "0x00000000000000100e0111000000080352093081452251010000"
     "32ac",
     0},
    {"teltonika", "0x000000000000000d0c010500000005676574696f01000000cb",
     "0x00000000000000120c01060000000a4261642073796e746178010000e894", 0},
    {"teltonika --refuse-rate 1", "0x00000000000000140c01050000000c7365746469676f7574203f310100007db4",
     "0x00000000000000300c010600000028444f5554313a49474e4f52454420444f5554322049732064697361626c65642066726f6d204346470"
     "1000092f0",
     0},
    {"teltonika --unsupported-rate 1", "0x00000000000000130c01050000000b7365746469676f7574203101000087a2",
     "0x00000000000000120c01060000000a4261642073796e746178010000e894", 0},
    {"teltonika --outputs 1", "0x00000000000000140c01050000000c7365746469676f7574203f310100007db4",
     "0x00000000000000120c01060000000a4261642073796e746178010000e894", 0},

    /* GT06: the examples of Concox' Appendix B, where the device had sent so many messages before; both styles with
     * other flags; with a language; without a password; what it does not know. */
    {"gt06", "0x787815800f0001a9584459442c3030303030302300a0dcf10d0a",
     "0x78781815100001a9584459443d53756363657373210002001891770d0a", 0x18},
    {"gt06", "0x78781680100001a963484659442c3030303030302300a07bdc0d0a",
     "0x78781915110001a963484659443d53756363657373210002001ef8930d0a", 0x1E},
    {"gt06 --refuse-rate 1", "0x787815800f0001a9614459442c3030303030302300a03e100d0a",
     "0x787853154b0001a961416c726561647920696e20746865207374617465206f66206675656c20737570706c7920637574206f66662c74686"
     "520636f6d6d616e64206973206e6f742072756e6e696e67210002001cf30d0d0a",
     0x1C},
    {"gt06 --refuse-rate 1", "0x78781680100001a964484659442c3030303030302300a08b1b0d0a",
     "0x787855154d0001a964416c726561647920696e20746865207374617465206f66206675656c20737570706c7920746f20726573756d652c7"
     "4686520636f6d6d616e64206973206e6f742072756e6e696e67210002001fdbbf0d0a",
     0x1F},
    {"gt06", "0x787812800c0000000052656c61792c312300009dee0d0a",
     "0x78782d152500000000437574206f666620746865206675656c20737570706c793a2053756363657373210002013b898a0d0a", 0x13B},
    {"gt06 --unsupported-rate 1", "0x787812800c0000000052656c61792c312300009dee0d0a",
     "0x797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a", 0x23},
    {"gt06", "0x787812800c0102030452656c61792c3023000759e10d0a",
     "0x787829152101020304526573746f7265206675656c20737570706c793a205375636365737321000200018f650d0a", 0},
    {"gt06", "0x787812800cdeadbeef52656c61792c31231234cf220d0a",
     "0x78782d1525deadbeef437574206f666620746865206675656c20737570706c793a20537563636573732100020001c2f90d0a", 0},
    {"gt06", "0x787811800900000007484659442300020001f3360d0a",
     "0x787819151100000007484659443d5375636365737321000200013a300d0a", 0},
    {"gt06", "0x78780e80080000000744594423000185e90d0a", "0x7878181510000000074459443d5375636365737321000200013ae60d0a",
     0},
    {"gt06", "0x787810800a00000009574845524523000147550d0a",
     "0x797900262100000009020043006f006d006d0061006e00640020006500720072006f007200210001b8d40d0a", 0},

    /* Queclink: GV with the ack of the GMT100 manual; GL200; GV350M; GMT100. The serial comes back as it was written.
     */
    {"queclink --device-id 135790246811220", "AT+GTOUT=101010,1,0,0,1,0,0,0,0,0,1,0,0,0,0,,,0004$",
     "+ACK:GTOUT,080100,135790246811220,,0004,20090214093254,11F0$", 0},
    {"queclink", "AT+GTOUT=101010,1,0,0,1,0,0,0,0,0,1,0,0,0,0,,,03f2$",
     "+ACK:GTOUT,080100,7,,03f2,20090214093254,11F1$", 2},
    {"queclink", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$", "+ACK:GTOUT,080100,7,,FFFF,20090214093254,11F0$", 0},
    {"queclink", "AT+GTOUT=gv350m,1,,,1,0,0,1,0,0,,,,,,,0,0,0,0,,,0,FFFF$",
     "+ACK:GTOUT,080100,7,,FFFF,20090214093254,11F0$", 0},
    {"queclink", "AT+GTOUT=101010,1,0,0,0,0,0,,,,,,,,1010$", "+ACK:GTOUT,080100,7,,1010,20090214093254,11F0$", 0},

    /* Meitrack: the protocol document's example; another character; refused; a command other than C01. */
    {"meitrack --device-id 353358017784062", "@@M34,353358017784062,C01,20,10122*18\r\n",
     "$$M28,353358017784062,C01,OK*F9\r\n", 0},
    {"meitrack --device-id 123456789012345", "@@C33,123456789012345,C01,0,11111*D8\r\n",
     "$$C28,123456789012345,C01,OK*ED\r\n", 0},
    {"meitrack --device-id 123456789012345 --refuse-rate 1", "@@B33,123456789012345,C01,0,22220*DA\r\n",
     "$$B31,123456789012345,C01,Error*56\r\n", 0},
    {"meitrack --device-id 123456789012345", "@@A25,123456789012345,A10*58\r\n",
     "$$A31,123456789012345,A10,Error*53\r\n", 0},

    /* Ruptela: Traccar's command without a password, and its reply; with one, to another IMEI; refused. */
    {"ruptela --device-id 868204004248349", "0x000b6c20536574696f20322c31eb3e",
     "0x0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c", 0},
    {"ruptela", "0x000f6c7061737320736574696f20302c3166ab",
     "0x0024000000000000000707534554494f20636f6e66696775726174696f6e2064617461206f6b3fb7", 0},
    {"ruptela --device-id 868204004248349 --refuse-rate 1", "0x000b6c20536574696f20322c31eb3e",
     "0x002b000315a07f440b1d07534554494f20636f6e66696775726174696f6e206461746120696e636f727265637470a4", 0},

    /* JT/T 808: a captured reply, the 50th; a serial that is escaped; a short id, and off; refused; a control that no
     * maker has; another one's control; another message. */
    {"jt808 --device-id 024530313349", "0x7e810500010245303133490000f0497e",
     "0x7e00010005024530313349003200008105008e7e", 0x32},
    {"jt808 --device-id 0b3a73ce2ff2", "0x7e810500010b3a73ce2ff27d017d02f0277e",
     "0x7e000100050b3a73ce2ff200017d017d02810500d37e", 0},
    {"jt808", "0x7e810500010000000000070102f1707e", "0x7e0001000500000000000700010102810500857e", 0},
    {"jt808 --device-id 0B3A73CE2FF2 --refuse-rate 1", "0x7e810500010b3a73ce2ff20000f0247e",
     "0x7e000100050b3a73ce2ff200010000810501d17e", 0},
    {"jt808 --device-id 0b3a73ce2ff2", "0x7e810500010b3a73ce2ff2000566b77e",
     "0x7e000100050b3a73ce2ff200010005810503d67e", 0},
    {"jt808", "0x7e81050004000000000007000923303b31977e", "0x7e00010005000000000007000100098105008f7e", 0},
    {"jt808", "0x7e81030001000000000007000300877e", "0x7e0001000500000000000700010003810303807e", 0},
};

enum { EXCHANGE_COUNT = sizeof(exchanges) / sizeof(exchanges[0]) };

Test(trackersim_families, commands_of_each_family_are_acked_byte_by_byte, .timeout = 180)
{
    for (int i = 0; i < EXCHANGE_COUNT; i++) {
        const struct exchange *exchange = &exchanges[i];
        int times = exchange->times ? exchange->times : 1;
        struct simulator *sim;

        probe = probe_start(broker_url(broker), "tracker/7/output/ack", 1);
        sim = play(exchange->arguments);
        for (int n = 0; n < times; n++)
            send_command(exchange->command);
        expect_message(times - 1, exchange->ack);
        simulator_stop(sim);
        simulator_free(sim);
        probe_free(probe);
        probe = NULL;
    }
}

/* --- outputs --- */

static const struct switching {
    const char *profile;
    const char *command;
    const char *outputs; /* how they stand afterwards */
} switchings[] = {
    {"teltonika", "0x00000000000000140c01050000000c7365746469676f75742031300100002ed4", "outputs 10\n"},
    {"gt06", "0x787812800c0000000052656c61792c312300009dee0d0a", "outputs 1\n"},
    {"queclink", "AT+GTOUT=101010,1,0,0,1,0,0,0,0,0,1,0,0,0,0,,,1010$", "outputs 1101\n"},
    {"queclink", "AT+GTOUT=101010,,0,0,1,0,0,,0,0,1,0,0,0,0,,,1010$", "outputs 0101\n"},
    {"meitrack --device-id 353358017784062", "@@M34,353358017784062,C01,20,10122*18\r\n", "outputs 101\n"},
    {"ruptela", "0x000b6c20536574696f20322c31eb3e", "outputs 01\n"},
    {"jt808 --device-id 0b3a73ce2ff2", "0x7e810500010b3a73ce2ff20000f0247e", "outputs 1\n"},
    {"jt808", "0x7e81050001000000000007000965ee7e", "outputs 0\n"},
};

Test(trackersim_families, commands_switch_what_they_name)
{
    for (size_t i = 0; i < sizeof(switchings) / sizeof(switchings[0]); i++) {
        struct simulator *sim;

        probe = probe_start(broker_url(broker), "tracker/7/output/ack", 1);
        sim = play(switchings[i].profile);
        send_command(switchings[i].command);
        cr_assert(probe_wait(probe, 1));
        simulator_stop(sim);
        cr_expect(strstr(sim->output, switchings[i].outputs), "%s: %s", switchings[i].command, sim->output);
        simulator_free(sim);
        probe_free(probe);
        probe = NULL;
    }
}

/* --- silence --- */

static const struct silence {
    const char *arguments;
    const char *command;
    const char *line;
} silences[] = {
    {"queclink --refuse-rate 1", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$", "7 no ack - silent\n"},
    {"queclink --unsupported-rate 1", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$", "7 no ack - silent\n"},
    {"queclink --outputs 3", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$", "7 no ack - silent\n"},
    {"ruptela --unsupported-rate 1", "0x000b6c20536574696f20322c31eb3e", "7 no ack - silent\n"},
    {"ruptela", "0x000c6c7061737320636f6f726473b85d", "7 no ack - silent\n"}, /* "pass coords" */
    {"meitrack", "@@M34,353358017784062,C01,20,10122*18\r\n", "7 another device's command, 39 bytes\n"},
    {"jt808", "0x7e810500010b3a73ce2ff20000f0247e", "7 another device's command, 16 bytes\n"},
};

/* The last that the tracker says is that it goes offline, so what did not come before that does not come. */
Test(trackersim_families, what_a_family_has_no_words_for_is_met_with_silence)
{
    for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
        char arguments[128];
        struct simulator *sim;

        snprintf(arguments, sizeof(arguments), "%s --log", silences[i].arguments);
        sim = play(arguments);
        probe = probe_start(broker_url(broker), "tracker/7/#", 1);
        expect_message(0, "online"); /* retained */
        send_command(silences[i].command);
        simulator_expect(sim, silences[i].line);
        simulator_stop(sim);
        expect_message(1, silences[i].command);
        expect_message(2, "offline");
        simulator_free(sim);
        probe_free(probe);
        probe = NULL;
    }
}

/* --- what is no command --- */

static const struct fragile {
    const char *arguments;
    const char *command;
    bool has_checksum;
} fragiles[] = {
    {"teltonika", "0x00000000000000130c01050000000b7365746469676f7574203101000087a2", true},
    {"gt06", "0x787812800c0000000052656c61792c312300009dee0d0a", true},
    {"queclink", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$", false},
    {"meitrack --device-id 353358017784062", "@@M34,353358017784062,C01,20,10122*18\r\n", true},
    {"ruptela", "0x000b6c20536574696f20322c31eb3e", true},
    {"jt808 --device-id 0b3a73ce2ff2", "0x7e810500010b3a73ce2ff27d017d02f0277e", true},
};

/* Sends all that the command becomes without its end, and with one bit wrong in each byte. How many these are. */
static int send_broken(struct bytes command, bool has_checksum)
{
    uint8_t broken[FORM_MAX];

    for (size_t len = 0; len < command.len; len++)
        simulator_command(probe, 7, bytes_of(command.data, len));
    for (size_t i = 0; has_checksum && i < command.len; i++) {
        memcpy(broken, command.data, command.len);
        broken[i] ^= 0x04;
        simulator_command(probe, 7, bytes_of(broken, command.len));
    }
    return (int)command.len * (has_checksum ? 2 : 1);
}

Test(trackersim_families, a_command_that_is_cut_or_damaged_is_none)
{
    for (size_t i = 0; i < sizeof(fragiles) / sizeof(fragiles[0]); i++) {
        uint8_t room[FORM_MAX];
        struct bytes command = decode(fragiles[i].command, room);
        char tally[64];
        struct simulator *sim;
        int broken;

        probe = probe_start(broker_url(broker), "tracker/7/output/ack", 1);
        sim = play(fragiles[i].arguments);
        broken = send_broken(command, fragiles[i].has_checksum);
        simulator_command(probe, 7, command);
        cr_assert(probe_wait(probe, 1));
        simulator_stop(sim);
        snprintf(tally, sizeof(tally), "seen=%d ", broken + 1);
        cr_expect(strstr(sim->output, tally), "%s: %s", fragiles[i].arguments, sim->output);
        snprintf(tally, sizeof(tally), "unreadable=%d ", broken);
        cr_expect(strstr(sim->output, tally), "%s: %s", fragiles[i].arguments, sim->output);
        cr_expect(strstr(sim->output, "success=1 refused=0 unsupported=0 silent=0 "), "%s", sim->output);
        simulator_free(sim);
        probe_free(probe);
        probe = NULL;
    }
}

/* Checksums are right in these, but not what else makes a command of them: counts, lengths, types, fields. */
static const struct malformed {
    const char *profile;
    const char *command;
} malformed[] = {
    {"teltonika", "0x00000000000000130c01050000000b7365746469676f7574203102000086e2"},
    {"teltonika", "0x00000000000000130c02050000000b7365746469676f75742031010000c352"},
    {"teltonika", "0x00000000000000130c01060000000b7365746469676f757420310100007752"},
    {"teltonika", "0x00000000000000130d01050000000b7365746469676f757420310100007b9f"},
    {"teltonika", "0x00000000000000140c01050000000b7365746469676f7574203101000087a2"},
    {"teltonika", "0x00000000000000130c01050000000a7365746469676f7574203101000006a0"},
    {"teltonika", "0x00000001000000130c01050000000b7365746469676f7574203101000087a2"},
    {"teltonika", "0x000000000000000a0e0105000000020304010000e29e"},
    {"gt06", "0x78780e810900000007445944230001552d0d0a"},
    {"gt06", "0x78780b80030000000744000113800d0a"},
    {"gt06", "0x78780e800900000007445944230001d0780d0a"},
    {"gt06", "0x78780e80070000000744594423000199a50d0a"},
    {"gt06", "0x787811800800000007445944230002000001d64c0d0a"},
    {"gt06", "0x78780f80080000000744594423000180440d0a"},
    {"gt06", "0x78780e80080000000744594423000185e90d0d"},
    {"meitrack", "@@M35,353358017784062,C01,20,10122*19\r\n"},
    {"meitrack", "@@M,353358017784062,C01,20,10122*B1\r\n"},
    {"ruptela", "0x000c6c20536574696f20322c31eb3e"},
    {"ruptela", "0x000a6c20536574696f20322c31eb3e"},
    {"ruptela", "0x00000000"},
    {"jt808", "0x7e810500020000000000070001f0707e"},
    {"jt808", "0x7e810540010000000000070001f0337e"},
    {"jt808", "0x7e8105000100000000000700017efd7e"},
    {"jt808", "0x7e8105000200000000000700017d03fe7e"},
    {"jt808", "0x7e8105005000000000000700016161616161616161616161616161616161616161616161616161616161616161616161616161"
              "616161616161616161616161616161616161616161616161616161616161616161616161616161616161d27e"},
    {"queclink", "AT+GTOUT=,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$"},
    {"queclink", "AT+GTOUT=gl200,2,,,0,0,0,0,0,0,0,,,,,,,FFFF$"},
    {"queclink", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFG$"},
    {"queclink", "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,FFFF$"},
    {"queclink", "AT+GTOUT=,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,FFFF$"},
    {"queclink", "AT+GTRTO=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$"},
};

Test(trackersim_families, a_command_with_a_right_checksum_can_be_malformed)
{
    enum { COUNT = sizeof(malformed) / sizeof(malformed[0]) };

    for (int first = 0, last; first < COUNT; first = last) {
        char arguments[64], tally[32];
        struct simulator *sim;

        snprintf(arguments, sizeof(arguments), "%s --log", malformed[first].profile);
        sim = play(arguments);
        probe = probe_start(broker_url(broker), NULL, 0);
        for (last = first; last < COUNT && strcmp(malformed[last].profile, malformed[first].profile) == 0; last++) {
            uint8_t room[FORM_MAX];

            send_command(malformed[last].command);
            snprintf(tally, sizeof(tally), "7 unreadable, %zu bytes\n", decode(malformed[last].command, room).len);
            simulator_expect(sim, tally);
        }
        simulator_stop(sim);
        snprintf(tally, sizeof(tally), " unreadable=%d other_device=0 ", last - first);
        cr_expect(strstr(sim->output, tally), "%s", sim->output);
        simulator_free(sim);
        probe_free(probe);
        probe = NULL;
    }
}
