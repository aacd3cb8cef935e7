#!/bin/sh
# Training ten times as long takes no more memory, and a model asked 300 times, by a process each, answers the same bytes.
# Under a minute.
set -eu
build=$(cd "${top_builddir:-build}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
awk 'BEGIN { srand(1); for (i = 0; i < 400; i++) { good = i % 2; printf "%s\t", good ? "yes" : "no"
    for (j = 0; j < 6; j++) printf "%s%s%d ", good ? "bright" : "dull", j % 2 ? "ly" : "", int(rand() * 9); print "" } }' > rows.tsv
cat > recipe.yaml <<RECIPE
train: {steps: 3000, seed: 1, threads: 2, batch: 32}
tasks:
  mood: {kind: classify, parts: {text: text}, target: class, columns: [class, text], train: rows.tsv, split: {test: 0.5}}
RECIPE
# Peak memory, in KiB, as the system counts it, of training 300 steps and of ten times as many.
peak() { "${PYTHON:-python3}" -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$build/.libs/pathways" "$@"; }
export LD_LIBRARY_PATH="$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
short=$(peak train recipe.yaml -o short.pathways --steps 300 --quiet)
long=$(peak train recipe.yaml -o long.pathways --steps 3000 --quiet)
echo "peak memory: $short KiB after 300 steps, $long KiB after 3000"
[ "$long" -lt $((short + short / 10)) ] || { echo "not ok: training grows"; exit 1; }
first=
for i in $(seq 300); do
    answer=$("$build/pathways" predict long.pathways --json "brightly3 bright4")
    [ -z "$first" ] && first=$answer
    [ "$answer" = "$first" ] || { echo "not ok: answer $i differs"; exit 1; }
done
echo "ok: 300 answers, all the same"
