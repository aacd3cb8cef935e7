#!/bin/sh
# A file of 4 GiB or more with 1,000 tasks: how long it takes to open, what of it the first answer of one task reads
# with none of it in the page cache, and what adding a task writes. Needs 10 GB in $FOLDER (/tmp/pathways-large).
#   sh bench/large.sh [BUILD]
set -eu
build=$(cd "${1:-build}" && pwd)
folder=${FOLDER:-/tmp/pathways-large}
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
"$build/bench/large" ask large.pathways t0500 " alpha stone gamma" donor.pathways
# What one process and those that it waited for handed to write().
before=$(ls -li --time-style=full-iso large.pathways)
PATHWAYS=$build/pathways sh -c '"$PATHWAYS" add large.pathways newcomer.yaml --steps 4 --batch 8 --threads 1 --quiet
    grep -E "^(wchar|write_bytes)" /proc/$$/io'
[ "$before" = "$(ls -li --time-style=full-iso large.pathways)" ] && echo "the base is as it was"
ls -l large.pathways.delta1
"$build/bench/large" ask large.pathways t0001 " blue river" donor.pathways
