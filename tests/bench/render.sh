#!/usr/bin/env bash
# Prints what rendering a command costs with every shipped profile, text families and others.
set -euo pipefail
cd "$(dirname "$0")/../.."

results=$("${BUILD:-build}/bench/render" conf/profiles/*.cfg)
echo "Rendering one command (median of 9 rounds of 20,000):"
# Families whose command is plain text, without a framer and without an object.
plain=$(grep -LE '^framer = |^ *encoding = "(json|msgpack)"' conf/profiles/*.cfg | sed -E 's|.*/(.*)\.cfg|\1|')
while read -r name bytes ns; do
    kind=binary
    grep -qx "$name" <<<"$plain" && kind=text
    grep -qE '^ *encoding = "(json|msgpack)"' "conf/profiles/$name.cfg" && kind=object
    printf '  %-16s %-7s %5d bytes %7d ns\n' "$name" "$kind" "$bytes" "$ns"
done < <(jq -r '"\(.profile) \(.bytes) \(.ns)"' <<<"$results")
