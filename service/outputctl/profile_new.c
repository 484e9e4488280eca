/* profile new: the first lines of a profile, with what each is for. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "verbs.h"

/* @ stands for the name. What it says is a device that exists nowhere, and its vectors pass. */
static const char skeleton[] =
    "# NAME OF THE DEVICE, and how it is reached: a gateway that passes its bytes, or MQTT of its own.\n"
    "#\n"
    "# Command  What the manual says, with its page.\n"
    "# Ack      Likewise: success, refusals, and what else comes on the same way.\n"
    "# Vars     What differs from unit to unit, and what is taken where the registry says nothing.\n"
    "# Source   Where it is from, and what of it nobody has tried.\n"
    "#\n"
    "# conf/profiles/README.md explains every key. Try it:  outputctl profile test @.cfg\n"
    "\n"
    "# The models of the registry that it serves. Each belongs to one profile.\n"
    "models = [\"@\"];\n"
    "\n"
    "# How many outputs the devices have. A tracker's own number comes first.\n"
    "outputs = 2;\n"
    "\n"
    "# Outputs that cut an engine: they are never switched. A tracker's own list comes first; [] if there are none.\n"
    "reserved_outputs = [1];\n"
    "\n"
    "# For each var that a tracker may leave out: its value, with placeholders.\n"
    "defaults:\n"
    "{\n"
    "  imei = \"{device_id}\";\n"
    "  password = \"0000\";\n"
    "};\n"
    "\n"
    "command:\n"
    "{\n"
    "  # Where the device, or its gateway, listens. This is the default.\n"
    "  topic = \"tracker/{tracker_id}/output/command\";\n"
    "\n"
    "  # One output. {output} counts from 1; {enable?ON:OFF} is one of two texts.\n"
    "  set = \"#OUT,{imei},{password},{output},{enable?1:0}\\r\\n\";\n"
    "\n"
    "  # All outputs at once, where there is such a command; else leave it out.\n"
    "  # set_all = \"#OUTS,{imei},{password},{states on='1' off='0'}\\r\\n\";\n"
    "};\n"
    "\n"
    "ack:\n"
    "{\n"
    "  # Where its answers come in. This is the default.\n"
    "  topic = \"tracker/{tracker_id}/output/ack\";\n"
    "\n"
    "  # From start to end is one answer, whatever is between them. Others: message, lines, json.\n"
    "  framing = \"delimiter\";\n"
    "  start = \"$\";\n"
    "  end = \"\\r\\n\";\n"
    "\n"
    "  # The answer repeats what was commanded; (?<key>...) in the patterns is that. Others: state, fifo.\n"
    "  match = \"echo\";\n"
    "  echo = \"{output},{enable?1:0}\";\n"
    "\n"
    "  # Regular expressions. What matches none of them is no answer to a command.\n"
    "  success = [\"^\\\\$OUT,(?<key>[0-9]+,[01]),OK\"];\n"
    "  refused = [\"^\\\\$OUT,(?<key>[0-9]+,[01]),FAIL\"];\n"
    "  unsupported = [\"^\\\\$ERR\"];\n"
    "};\n"
    "\n"
    "# Its own tests: bytes from the manual, or from a device. verified: seen there; derived: made like one that was;\n"
    "# unverified: nobody knows.\n"
    "vectors = (\n"
    "  { id = \"@-1\"; verified = \"unverified\"; source = \"manual, page N\";\n"
    "    action = \"set\"; output = 2; enable = true; device_id = \"123456789012345\";\n"
    "    text = \"#OUT,123456789012345,0000,2,1\\r\\n\"; },\n"
    "  { id = \"@-2\"; verified = \"unverified\"; source = \"manual, page N\";\n"
    "    action = \"set\"; output = 2; enable = true; device_id = \"123456789012345\";\n"
    "    ack_text = \"$OUT,2,1,OK\\r\\n\"; result = \"success\"; key = \"2,1\"; },\n"
    "  { id = \"@-3\"; verified = \"unverified\"; source = \"manual, page N\";\n"
    "    ack_text = \"$OUT,2,1,FAIL\\r\\n\"; result = \"refused\"; },\n"
    "  { id = \"@-4\"; verified = \"unverified\"; source = \"manual, page N\";\n"
    "    ack_text = \"$POS,48.2,16.4\\r\\n\"; result = \"unrelated\"; }\n"
    ");\n";

int profile_new_run(const struct options *options, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        len = isalnum((unsigned char)name[i]) || strchr("_-", name[i]) ? len : 0;
    if (len == 0 || len > 40) {
        options_wrong(options, "\"%s\" is no name of a family: letters, digits, _ and -, at most 40", name);
        return EXIT_USAGE;
    }
    for (const char *at = skeleton; *at; at++) {
        if (*at == '@')
            fputs(name, stdout);
        else
            putchar(*at);
    }
    return EXIT_SUCCESS;
}
