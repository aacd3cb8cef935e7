#!/bin/sh
# bench/bf16.sh PROGRAM [STEPS]: the loss of a text model trained in bf16 beside the same in f32, on what this machine
# has in /usr/share/doc (readable text, paragraphs as rows). Prints both runs' loss (bits a byte of
# validation text, which is the mean cross entropy) and their ratio.
# In the environment: MEGABYTES=4 of text, THREADS=1, SEEDS="1 2".
set -eu
[ $# -ge 1 ] || { echo "usage: $0 PROGRAM [STEPS]" >&2; exit 2; }
program=$1 steps=${2:-300}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Paragraphs of 80 bytes and more, one a line, each once, in an order that depends on nothing but themselves.
find /usr/share/doc -type f \( -name '*.txt' -o -name '*.txt.gz' -o -name 'README*' -o -name 'NEWS*' \
    -o -name 'changelog*' -o -name '*.md' -o -name 'copyright' \) | LC_ALL=C sort | while read -r file; do
    case $file in *.gz) gzip -dc "$file" ;; *) cat "$file" ;; esac
done 2> /dev/null | LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C awk 'BEGIN { RS = ""; FS = "\n" }
    { gsub(/[ \t\n]+/, " "); if (length($0) >= 80 && length($0) <= 2000 && !seen[$0]++) print }' |
    head -c "$((${MEGABYTES:-4} * 1000000))" > "$folder/text.txt"

for seed in ${SEEDS:-1 2}; do
    for dtype in f32 bf16; do
        cat > "$folder/recipe.yaml" << END
model: {d: 64, layers: 2, heads: 4, hidden: 64, experts: 16, topk: 2, vocab: 1024, window: 128}
tasks:
  go_on:
    kind: generate
    parts: {text: text}
    train: text.txt
    split: {valid: 0.05, seed: 1}
END
        start=$(date +%s)
        "$program" train "$folder/recipe.yaml" -o "$folder/$dtype.pathways" --steps "$steps" --batch 32 --lr 0.004 \
            --seed "$seed" --threads "${THREADS:-1}" --dtype "$dtype" --quiet \
            > "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
        seconds=$(($(date +%s) - start))
        bits=$("$program" eval "$folder/$dtype.pathways" "$folder/recipe.yaml" --split valid --json |
            sed -n 's/.*"score": *\([0-9.]*\).*/\1/p')
        echo "seed $seed, $dtype: $bits bits a byte on validation rows after $steps steps, $seconds s"
        [ "$dtype" = bf16 ] || full=$bits
    done
    awk "BEGIN { printf \"seed $seed: bf16 / f32 = %.4f\\n\", $bits / $full }"
done
