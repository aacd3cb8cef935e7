#!/bin/sh
# The many sets for two minutes, where PATHWAYS_DATA says they lie: every task must beat its baseline.
set -eu
top=${top_srcdir:-$(dirname "$0")/../..}
[ -n "${PATHWAYS_DATA:-}" ] || { echo "skipped: PATHWAYS_DATA is not set"; exit 0; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
MINUTES=2 sh "$top/bench/many.sh" "${top_builddir:-$top/build}/pathways" "$PATHWAYS_DATA" "$out" > "$out/log"
awk 'function field(name,  rest) { rest = substr($0, index($0, "\"" name "\":") + length(name) + 3)
        sub(/^"/, "", rest); sub(/[",}].*/, "", rest); return rest }
    { score = field("score") + 0; base = field("baseline") + 0; good = field("higher_is_better") == "true" ? score > base : score < base
      printf "%s %s: score %s baseline %s\n", good ? "ok" : "not ok", field("task"), score, base; bad += !good; n++ }
    END { exit bad > 0 || n < 16 }' "$out/eval.json"
