# Makes the list of keys for outputd.cfg(5): awk -f keys.awk config.c outputd.cfg. The comments of the second say what each
# key means, so that there is one place that says it; the tables of the first say which numbers it may have. A line of the
# second that it does not know ends it: nothing is left out without a word.

# --- ranges ---

# "10 * MILLION", say.
function number(text, factors, count, i, product) {
    count = split(text, factors, / *[*] */)
    product = 1
    for (i = 1; i <= count; i++)
        product *= factors[i] in constants ? constants[factors[i]] : factors[i]
    return sprintf("%.0f", product)
}

function add_range(key, from, to) {
    ranges[table key] = number(from) " to " number(to)
}

# enum { DAY_MS = 86400000, … };
function add_constants(line, parts, count, i, pair) {
    gsub(/.*[{] *| *[}].*/, "", line)
    count = split(line, parts, /, */)
    for (i = 1; i <= count; i++) {
        split(parts[i], pair, / *= */)
        constants[pair[1]] = pair[2]
    }
}

FNR == NR && /^enum [{].* = / { add_constants($0); next }
FNR == NR && /^static const struct conf_key [a-z]+_keys/ {
    table = $5
    sub(/_keys.*/, "", table)
    table = table == "top" ? "" : table == "tls" ? "broker.tls." : table "."
    next
}
FNR == NR && /CONF_(UINT|NUMBER), / {
    line = $0
    gsub(/^ *(KEY[(])?[{]?|[)}],$|"/, "", line)
    count_of_parts = split(line, part, /, /)
    # {name, type, offsetof(a, b), required, from, to} or KEY(type, struct, name, from, to)
    add_range(part[1] ~ /^CONF_/ ? part[3] : part[1], part[count_of_parts - 1], part[count_of_parts])
    next
}
FNR == NR { next }

# --- the list ---

function escape(text) {
    gsub(/\\/, "\\e", text)
    return text
}

# Each sentence on a line of its own, as mdoc wants it; none may begin like a request.
function print_text(text, lines, count, i) {
    gsub(/[.] /, ".\n", text)
    count = split(text, lines, "\n")
    for (i = 1; i <= count; i++)
        print (lines[i] ~ /^[.']/ ? "\\&" : "") escape(lines[i])
}

function print_item(key, value, note) {
    value = escape(value)
    gsub(/"/, "\\(dq", value)
    gsub(/ /, "\\ ", value)
    print ".It Ic " group key "\\ =\\ " value note ((group key) in ranges ? " Pq " ranges[group key] : "")
}

# The comment stands behind the keys that it is for.
function end_items(i) {
    if (count == 0)
        return
    for (i = 0; i < count; i++)
        print_item(keys[i], values[i], notes[i])
    if (comment != "")
        print_text(comment)
    count = 0
    comment = ""
}

function begin_list() {
    if (!in_list)
        print ".Bl -tag -width Ds"
    in_list = 1
}

function end_list() {
    end_items()
    if (in_list)
        print ".El"
    in_list = 0
}

# In a comment it is not set, and the value an example.
function add_key(line, note, equals) {
    begin_list()
    equals = index(line, " = ")
    keys[count] = substr(line, 1, equals - 1)
    notes[count] = note
    values[count++] = substr(line, equals + 3, length(line) - equals - 3)
}

BEGIN { count = 0; constants["INT32_MAX"] = 2147483647 }

{ line = $0; sub(/^ +/, "", line) }

line == "" { end_items(); comment = ""; next }
line ~ /^# [a-z_]+ = .*;$/ { add_key(substr(line, 3), " Pq not set"); next }
line ~ /^#/ {
    if (count > 0)
        end_items()
    sub(/^# ?/, "", line)
    comment = comment (comment == "" || line == "" ? "" : " ") line
    next
}
line ~ /^[a-z_]+ = .*;$/ { add_key(line, ""); next }
line ~ /^[a-z_]+:$/ {
    end_list()
    sub(/:$/, "", line)
    group = group line "."
    print ".Ss " substr(group, 1, length(group) - 1)
    if (comment != "")
        print_text(comment)
    comment = ""
    next
}
line == "{" { next }
line == "};" {
    end_list()
    sub(/[a-z_]+[.]$/, "", group)
    next
}
{
    printf "%s:%d: keys.awk cannot read this line: %s\n", FILENAME, FNR, $0 >"/dev/stderr"
    failed = 1
    exit 1
}

END {
    if (!failed)
        end_list()
}
