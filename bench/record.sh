#!/bin/sh
# What counting the routes costs, in instructions: sh bench/record.sh [BUILD]. By perf, where the processor's counters
# can be read: the difference of training with and without the record, over training without it (which has the
# benchmark's own products beside the step: a step alone is about a third). Else by valgrind: the share of a step.
set -eu
build=${1:-build}
shape="--d 128 --layers 2 --hidden 128 --experts 16 --topk 2 --batch 2 --seq 64 --vocab 256"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

run() {                                         # run STEPS RECORD COMMAND...
    steps=$1; record=$2; shift 2
    "$build/libtool" --mode=execute "$@" "$build/pathways" bench train $shape --steps "$steps" --record "$record" \
        > /dev/null 2>> "$out.log"
}

instructions() {                                # instructions STEPS RECORD
    run "$1" "$2" perf stat -x, -e instructions:u -o "$out"
    sed -n 's/^\([0-9][0-9]*\),.*instructions.*/\1/p' "$out"
}

inclusive() {                                   # inclusive FUNCTION: of what callgrind counted
    callgrind_annotate --inclusive=yes --threshold=100 "$out" | grep ":$1 \|:$1\$" |
        sed 's/^ *\([0-9,]*\).*/\1/; s/,//g' | sort -n | tail -1
}

if perf stat -x, -e instructions:u true 2>&1 | grep -q '^[0-9]'; then
    without=$(($(instructions 6 false) - $(instructions 2 false)))
    with=$(($(instructions 6 true) - $(instructions 2 true)))
    echo "four steps and their products: $without instructions, with the record $((with - without)) more"
else
    run 1 true valgrind --tool=callgrind --callgrind-out-file="$out"
    without=0
    for part in pw_trunk_forward pw_trunk_backward pw_writer pw_adamw_step; do
        without=$((without + $(inclusive $part)))
    done
    with=$(($(inclusive pw_record_add) + without))
    echo "the steps: $without instructions, of them the record's $((with - without))"
fi
awk "BEGIN { printf \"%.4f percent\n\", 100 * ($with - $without) / $without }"
