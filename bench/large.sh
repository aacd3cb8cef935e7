#!/bin/sh
# A file of 4 GiB or more with 1,000 tasks: how long it takes to open, what of it the first answer of one task reads
# with none of it in the page cache, and what adding a task writes. Needs 10 GB in $FOLDER (/tmp/pathways-large).
# Ends with what was asked for beside what was seen.
#   sh bench/large.sh [BUILD]           EXPERTS=276 TASKS=1000: how large; the defaults make 5 GB
set -eu
build=$(cd "${1:-build}" && pwd)
folder=${FOLDER:-/tmp/pathways-large}
export OPENBLAS_NUM_THREADS=1              # its threads, which nothing here uses, wait busily when a process starts
make -s -C "$build" pathways bench/large > /dev/null
mkdir -p "$folder"
cd "$folder"
awk 'BEGIN { srand(1); print "label,text"; split("alpha beta gamma delta loud quiet green blue river stone", w, " ")
    for (i = 0; i < 400; i++) {
        line = ""
        for (k = 0; k < 8; k++) line = line " " w[1 + int(rand() * 5) + 5 * (i % 2 && rand() < .7)]
        print (i % 2 ? "high" : "low") "," line
    } }' > rows.csv
cat > donor.yaml << 'END'
model: {d: 128, layers: 4, heads: 4, experts: 8, topk: 2, hidden: 256, vocab: 400}
train: {steps: 40, batch: 8, seed: 1}
tasks:
  donor: {kind: classify, parts: {text: text}, train: rows.csv, target: label}
END
sed 's/donor:/newcomer:/' donor.yaml > newcomer.yaml
rm -f large.pathways*
"$build/pathways" train donor.yaml -o donor.pathways --quiet --threads 1
"$build/pathways" seal donor.pathways > /dev/null
"$build/bench/large" make donor.pathways large.pathways "${TASKS:-1000}" "${EXPERTS:-2760}"
ls -l large.pathways
sync
[ "$(id -u)" != 0 ] || echo 1 > /proc/sys/vm/drop_caches
# Where it may, before all other work of the machine: what is timed is a few milliseconds, and not theirs.
first=; chrt -f 50 true 2> /dev/null && first="chrt -f 50"
$first "$build/bench/large" ask large.pathways t0500 " alpha stone gamma" donor.pathways | tee asked
# What one process and those that it waited for handed to write().
before=$(ls -li --time-style=full-iso large.pathways) from=$(date +%s.%N)
PATHWAYS=$build/pathways sh -c '"$PATHWAYS" add large.pathways newcomer.yaml --steps 4 --batch 8 --threads 1 --quiet
    grep -E "^(wchar|write_bytes)" /proc/$$/io; times > times' | tee added
seconds=$(awk "BEGIN { print $(date +%s.%N) - $from }")
[ "$before" = "$(ls -li --time-style=full-iso large.pathways)" ] && echo "the base is as it was"
new=$(stat -c %s large.pathways.delta1)
for task in t0001 t0100 t0200 t0300 t0400; do
    $first "$build/bench/large" ask large.pathways $task " blue river" donor.pathways | tee -a asked
done
awk -v new="$new" -v seconds="$seconds" '
    /^opened cold/ { opened = opened (opened == "" ? "" : ", ") $4 }
    /^after the first/ && share == "" { share = $NF }
    /^wchar/ { written = $2 }
    /^[0-9]+m/ { cpu = $1 " on a processor, " $2 " in the system" }      # the last line: of what was waited for
    END {
        print "bound            seen"
        print "50 ms            " opened " ms to open with nothing in the page cache, the last ones with a delta"
        print "2 %              " share " of the file in the page cache after the first answer"
        printf "%-16.0f %.0f bytes written by adding a task of %.0f new bytes\n", 3 * new + 1e6, written, new
        printf "                 %.1f s to add it, training and all (%s)\n", seconds, cpu
    }' asked added times
