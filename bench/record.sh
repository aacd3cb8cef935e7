#!/bin/sh
# What counting the routes costs: instructions of training steps with and without the record, and the share that it
# adds to a step. sh bench/record.sh [BUILD]; needs perf.
set -eu
build=${1:-build}
shape="--d 256 --layers 4 --hidden 512 --experts 16 --topk 2 --batch 16 --seq 128"

# Start-up and the benchmark's own products are taken out: the difference of 6 and 2 steps is 4 steps of both.
instructions() {                                # instructions STEPS RECORD
    perf stat -x, -e instructions:u -o "$out" "$build/pathways" bench train $shape --steps "$1" --record "$2" > /dev/null
    sed -n 's/^\([0-9]*\),.*instructions.*/\1/p' "$out"
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
without=$(($(instructions 6 false) - $(instructions 2 false)))
with=$(($(instructions 6 true) - $(instructions 2 true)))
echo "without $without, with $with instructions in four steps:" \
     "$(awk "BEGIN { printf \"%.4f\", 100 * ($with - $without) / $without }") percent more"
