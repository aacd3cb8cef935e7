#!/bin/sh
# bench/many.sh PATHWAYS DATA OUT: trains examples/many.yaml on the sets below DATA, scores it on the test splits, again with
# the routers' choices permuted in five ways, and prints what docs/results.md shows: the table, what the routing is worth and
# each expert's load, in Markdown. MINUTES (default: the recipe's), SEED (1) and THREADS (2) in the environment change the
# run; a model that is in OUT already is scored as it is.
set -eu
[ $# = 3 ] || { echo "usage: $0 PATHWAYS DATA OUT" >&2; exit 2; }
pathways=$1 data=$2 out=$3
recipe=$(cd "$(dirname "$0")/.." && pwd)/examples/many.yaml
threads=${THREADS:-2}
mkdir -p "$out"
keys="1 2 3 4 5"
if [ ! -e "$out/many.pathways" ]; then
    started=$(date +%s)
    "$pathways" train "$recipe" -o "$out/many.pathways" --data "$data" --threads "$threads" --seed "${SEED:-1}" \
        ${MINUTES:+--minutes "$MINUTES"}
    echo "Training took $(($(date +%s) - started)) seconds, the look through the data and the choice of mixes included."
    echo
fi
score() { "$pathways" eval "$out/many.pathways" "$recipe" --data "$data" --threads "$threads" --json "$@"; }
score > "$out/eval.json"
for key in $keys; do score --shuffle-routes "$key"; done > "$out/permuted.json"
"$pathways" inspect "$out/many.pathways" --json > "$out/inspect.json"

# field NAME: its value in a line of JSON without nesting.
awk_field='function field(name,  at, rest) {
    at = index($0, "\"" name "\":"); rest = substr($0, at + length(name) + 3)
    sub(/^"/, "", rest); sub(/[",}].*/, "", rest); return rest }'

echo "| task | senses | metric | score | routes permuted | baseline | n | active parameters | of all | operations |"
echo "|---|---|---|---|---|---|---|---|---|---|"
# Skill: the share of the way from the baseline to perfect, so that every task's metric counts alike.
awk "$awk_field"'
    function skill(score) { return higher == "true" ? (score - base) / (1 - base) : (base - score) / base }
    { task = field("task"); score = field("score"); base = field("baseline"); higher = field("higher_is_better") }
    FNR == NR { order[++tasks] = task; line[task] = $0; plain[task] = score; total += skill(score); next }
    { moved[task] += score; times[task]++; permuted[++runs] = skill(score) }
    END {
        for (i = 1; i <= tasks; i++) {
            task = order[i]; $0 = line[task]; active = field("active_params")
            printf "| %s | %s | %s | %.4g | %.4g | %.4g | %d | %d | %.1f %% | %.3g |\n", task, field("senses"), field("metric"),
                plain[task], moved[task] / times[task], field("baseline"), field("n"), active, 100 * active / field("total_params"),
                field("flops")
        }
        printf "\nMean skill (share of the way from the baseline to perfect) over %d tasks: %.4f; with the routes permuted, by key:", tasks, total / tasks
        for (k = 0; k < runs / tasks; k++) { sum = 0; for (i = 1; i <= tasks; i++) sum += permuted[k * tasks + i]; printf " %.4f", sum / tasks }
        print "."
    }' "$out/eval.json" "$out/permuted.json"
echo
echo "Share of (token, slot) pairs by expert, a running mean over training; even would be 1 / experts:"
echo
awk '/"kind":"layer"/ { layer = $0; sub(/.*"layer":/, "", layer); sub(/,.*/, "", layer)
    load = $0; sub(/.*\[/, "", load); sub(/\].*/, "", load); n = split(load, part, ",")
    printf "* layer %s:", layer; for (i = 1; i <= n; i++) printf " %.3f", part[i]; print "" }' "$out/inspect.json"
echo
sed -n 's/.*"train":\({.*}\).*/The run, to be replayed by `steps:` and `plan:`: `\1`/p' "$out/inspect.json" | sed 's/}}*`$/}`/'
