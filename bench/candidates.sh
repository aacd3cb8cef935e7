#!/bin/sh
# What a pathway costs: a task with 8 candidate experts a layer in a model of 1024 experts a layer, beside the same in a
# model of 8. Pairs of runs in turn (PAIRS, 7), and the median of their ratios: a training step, a prediction by weights
# in memory, and the first prediction from a file that is not in memory. Needs 1.7 GB in $FOLDER (/tmp) and 3.5 GB of
# memory. Exit status 1: a ratio is over its bound.
#   sh bench/candidates.sh [BUILD]
set -eu
program=${1:-build}/pathways
pairs=${PAIRS:-7}
threads=${THREADS:-2}
folder=$(mktemp -d "${FOLDER:-/tmp}/pathways-candidates-XXXXXX")
trap 'rm -rf "$folder"' EXIT
shape="--d 256 --layers 4 --heads 8 --hidden 128 --topk 2 --seq 64 --vocab 2048 --threads $threads --candidates 8"
training="--batch 16 --steps ${STEPS:-6}"
predicting="--batch 1 --steps 20"

field() { sed "s/.*\"$1\": \([0-9.]*\).*/\1/"; }
# measure EXPERTS WORKLOAD OPTIONS...: the last run's line stays in last.EXPERTS
measure() {
    experts=$1 workload=$2
    shift 2
    "$program" bench "$workload" $shape --experts "$experts" "$@" > "$folder/last.$experts"
}

median() { sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }

over=0
# row NAME FIELD BOUND: from the pairs in $folder/lines; BOUND -: none is asked
row() {
    cut -d '	' -f 1 "$folder/lines" | field "$2" > "$folder/many"
    cut -d '	' -f 2 "$folder/lines" | field "$2" > "$folder/few"
    ratio=$(paste "$folder/many" "$folder/few" | awk '{ printf "%.4f\n", ($2 > 0 ? $1 / $2 : 1) }' | median)
    printf '| %s | %s | %s | %s | %s |\n' "$1" "$(paste -s -d ' ' "$folder/many")" "$(paste -s -d ' ' "$folder/few")" \
        "$ratio" "$3"
    [ "$3" = - ] || awk "BEGIN { exit !($ratio <= $3) }" || over=1
}

# compare WORKLOAD OPTIONS...: the pairs' lines side by side; the one that goes first changes from pair to pair.
compare() {
    : > "$folder/lines"
    for pair in $(seq "$pairs"); do
        order="1024 8"; [ $((pair % 2)) = 1 ] || order="8 1024"
        for experts in $order; do
            file=$(echo "$*" | sed "s|@|$folder/$experts.bench|")
            measure "$experts" $file
        done
        paste "$folder/last.1024" "$folder/last.8" >> "$folder/lines"
    done
}

echo "| | 1024 experts a layer | 8 experts a layer | ratio, median of $pairs pairs | bound |"
echo "|---|---|---|---|---|"
compare train $training
row "training step, 16 x 64 tokens, ms" ms 1.1
row "the same, ms of processor time" cpu_ms 1.1
row "gradients, bytes" gradient_bytes 1.1
row "moments, bytes" moment_bytes 1.1
compare predict $predicting
row "prediction, 1 x 64 tokens, ms" ms 1.05
row "the same, ms of processor time" cpu_ms 1.05
for experts in 1024 8; do measure $experts predict $predicting --pack false --file "$folder/$experts.bench"; done
compare predict $predicting --pack false --file @
row "from a file: resident memory touched by the first prediction, bytes" resident_bytes 1.1
row "from a file: page faults from disk" major_faults -
row "from a file: page faults from memory" minor_faults -
row "from a file: resident memory touched by opening it, bytes" open_resident_bytes -
row "from a file: the first prediction, nothing of it in memory, ms" first_ms -
row "from a file: prediction after it, ms" ms 1.05
row "the same, ms of processor time" cpu_ms 1.05
row "from a file: weights allocated, bytes" weight_bytes -
exit $over
