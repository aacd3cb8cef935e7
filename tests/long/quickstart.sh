#!/bin/sh
# The quick start for three seeds: every task must beat its baseline by half of the way to perfect, on 200 held-out examples
# or more, where the baseline is 0.8 at most. About ten minutes on two cores; needs the network for Debian's packages.
set -eu
top=${top_srcdir:-$(dirname "$0")/../..}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0
for seed in 1 2 3; do
    SEED=$seed BUILD=$(cd "${top_builddir:-$top/build}" && pwd) sh "$top/examples/quickstart.sh" "$out" > "$out/log" 2>&1 ||
        { tail -n 20 "$out/log"; exit 1; }
    awk -v seed=$seed 'function field(name,  rest) { rest = substr($0, index($0, "\"" name "\":") + length(name) + 3)
            sub(/^"/, "", rest); sub(/[",}].*/, "", rest); return rest }
        { score = field("score") + 0; base = field("baseline") + 0; good = score >= (1 + base) / 2 && base <= .8 && field("n") + 0 >= 200
          printf "%s seed %d %s: score %.4f baseline %.4f n %d\n", good ? "ok" : "not ok", seed, field("task"), score, base, field("n")
          tasks++; bad += !good }
        END { exit bad > 0 || tasks < 6 }' "$out/eval.json" || status=1
done
exit $status
