#!/bin/sh
# bench/many.sh PATHWAYS DATA OUT: trains examples/many.yaml on the sets below DATA, scores it on the test splits, once more
# with the routers' choices permuted, and prints what docs/results.md shows: the table and each expert's load, in Markdown.
# MINUTES (default: the recipe's), SEED (1) and THREADS (2) in the environment change the run.
set -eu
[ $# = 3 ] || { echo "usage: $0 PATHWAYS DATA OUT" >&2; exit 2; }
pathways=$1 data=$2 out=$3
recipe=$(cd "$(dirname "$0")/.." && pwd)/examples/many.yaml
threads=${THREADS:-2}
mkdir -p "$out"
started=$(date +%s)
"$pathways" train "$recipe" -o "$out/many.pathways" --data "$data" --threads "$threads" --seed "${SEED:-1}" \
    ${MINUTES:+--minutes "$MINUTES"}
trained=$(date +%s)
score() { "$pathways" eval "$out/many.pathways" "$recipe" --data "$data" --threads "$threads" --json "$@"; }
score > "$out/eval.json"
score --shuffle-routes 1 > "$out/shuffled.json"
"$pathways" inspect "$out/many.pathways" --json > "$out/inspect.json"

# field NAME: its value in a line of JSON without nesting.
awk_field='function field(name,  at, rest) {
    at = index($0, "\"" name "\":"); rest = substr($0, at + length(name) + 3)
    sub(/^"/, "", rest); sub(/[",}].*/, "", rest); return rest }'

echo "Training took $((trained - started)) seconds, data and validation included."
echo
echo "| task | senses | metric | score | routes permuted | baseline | n | active parameters | of all | operations |"
echo "|---|---|---|---|---|---|---|---|---|---|"
paste -d '\n' "$out/eval.json" "$out/shuffled.json" | awk "$awk_field"'
    NR % 2 == 1 { task = field("task"); senses = field("senses"); metric = field("metric"); score = field("score")
        base = field("baseline"); n = field("n"); active = field("active_params"); total = field("total_params"); flops = field("flops"); next }
    { printf "| %s | %s | %s | %.4g | %.4g | %.4g | %d | %d | %.1f %% | %.3g |\n", task, senses, metric, score, field("score"),
        base, n, active, 100 * active / total, flops
      if (metric == "accuracy") { sum += score; moved += field("score"); tasks++ } }
    END { printf "\nMean accuracy over %d tasks: %.4f; with the routes permuted: %.4f.\n", tasks, sum / tasks, moved / tasks }'
echo
echo "Share of (token, slot) pairs by expert, a running mean over training; even would be 1 / experts:"
echo
awk '/"kind":"layer"/ { layer = $0; sub(/.*"layer":/, "", layer); sub(/,.*/, "", layer)
    load = $0; sub(/.*\[/, "", load); sub(/\].*/, "", load); n = split(load, part, ",")
    printf "* layer %s:", layer; for (i = 1; i <= n; i++) printf " %.3f", part[i]; print "" }' "$out/inspect.json"
echo
sed -n 's/.*"train":\({.*}\).*/The run, to be replayed by `steps:` and `plan:`: `\1`/p' "$out/inspect.json" | sed 's/}}*`$/}`/'
