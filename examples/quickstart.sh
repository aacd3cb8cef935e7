#!/bin/sh
# The main job on real input: six tasks over five senses, one model, one file.
#
#   sh examples/quickstart.sh [OUT]        (default: quickstart-out/)
#
# Installs what is missing (it says what), builds the library if need be, takes its data out of Debian packages, trains
# for two minutes, and ends with the table of `pathways eval` and one prediction for each sense. OUT keeps one.pathways,
# recipe.yaml and eval.json. Can be run again. SEED=2, MINUTES=1, THREADS=1 in the environment change the run.
set -eu
LC_ALL=C; export LC_ALL
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-quickstart-out}
. "$top/examples/setup.sh"

say() { printf '== %s\n' "$*"; }

setup_build "$top"
pathways=$BUILD/pathways
mkdir -p "$out"
out=$(cd "$out" && pwd)
data=$out/data
packages=$out/packages

# --- data: from Debian packages, unpacked without installing them ---

tongues="de fr es it nl pl da sv"
voices="en es fr it"
processors="arm64 armhf riscv64 powerpc s390x sparc64 mips m68k hppa i386"

fetch() {
    list="dataset-fashion-mnist python3-sklearn"
    for v in $voices; do list="$list asterisk-core-sounds-$v-wav"; done
    for t in $tongues; do list="$list manpages-$t"; done
    for p in $processors; do list="$list libc6-$p-cross"; done
    mkdir -p "$packages/files"
    missing=
    for name in $list; do [ -e "$packages/$name.done" ] || missing="$missing $name"; done
    [ -z "$missing" ] && return
    say "downloading$missing"
    setup_download "$packages" $missing
    for name in $missing; do
        dpkg -x "$packages/$name"_*.deb "$packages/files"
        rm -f "$packages/$name"_*.deb
        : > "$packages/$name.done"
    done
}

# Paragraphs of manual pages, one a line: language, tab, text. Every fourth page is held out, less what also stands in a
# page to learn from.
write_tongues() {
    rm -f "$data"/tongue.*
    for t in $tongues; do
        find "$packages/files/usr/share/man/$t" -name '*.gz' | sort > "$data/pages"
        awk -v n="$(wc -l < "$data/pages")" 'NR % (int(n / 200) + 1) == 0' "$data/pages" > "$data/pages.some"
        awk 'NR % 4 != 0' "$data/pages.some" | xargs -d '\n' zcat | paragraphs "$t" 400 >> "$data/tongue.train.tsv"
        awk 'NR % 4 == 0' "$data/pages.some" | xargs -d '\n' zcat | paragraphs "$t" 80 >> "$data/tongue.all.tsv"
    done
    awk -F '\t' 'NR == FNR { seen[$2] = 1; next } !($2 in seen)' "$data/tongue.train.tsv" "$data/tongue.all.tsv" \
        > "$data/tongue.test.tsv"
    rm -f "$data/pages" "$data/pages.some" "$data/tongue.all.tsv"
}

# paragraphs LANGUAGE COUNT: running text out of pages in roff, a few paragraphs of each; no code, no English.
paragraphs() {
    awk -v t="$1" -v limit="$2" '
        function flush(    lower) {
            lower = " " tolower(text) " "
            if (length(text) >= 60 && text !~ /[][{}<>$=|_*#@~^\\"`]|http|Copyright|--|[(][0-9][)], .*[(][0-9][)]/ &&
                lower !~ / (the|this|that|which|with|from) / && of_page < 6 && n < limit && !seen[text]++) {
                print t "\t" text
                of_page++
                n++
            }
            text = ""
        }
        /^\.(TH|Dd)/ { of_page = 0 }
        /^\.(nf|EX|Bd)/ { code = 1 }
        /^\.(fi|EE|Ed)/ { code = 0 }
        /^[.'"'"']/ || /^[ \t]*$/ { flush(); next }
        code { next }
        {
            gsub(/\\f([A-Z]|[(]..|[[][^]]*[]])/, "")
            gsub(/\\[(](aq|cq|oq)/, "'"'"'")
            gsub(/\\-/, "-")
            gsub(/\\[&|^%:\/,]/, "")
            gsub(/[ \t]+/, " ")
        }
        length(text) + length($0) < 300 { text = text (text == "" ? "" : " ") $0 }
        END { flush() }'
}

# Recorded prompts, a folder for each language (one voice speaks each). Every fourth recording is held out.
write_voices() {
    rm -rf "$data/voice"
    for v in $voices; do
        mkdir -p "$data/voice/train/$v" "$data/voice/test/$v"
        find "$packages/files/usr/share/asterisk/sounds" -path "*/${v}_*" -name '*.wav' -size +12k | sort |
        awk -v data="$data/voice" -v v="$v" '{ n = split($0, part, "/"); split_to = NR % 4 == 0 ? "test" : "train";
            printf "%s\n%s/%s/%s/%s-%s\n", $0, data, split_to, v, part[n - 1], part[n] }' |
        while read -r from && read -r to; do ln -sf "$from" "$to"; done
    done
}

# Machine code in records of 512 bytes: of the C library to learn from, of the mathematics library to be tested on.
write_processors() {
    rm -f "$data"/code.*
    for p in $processors; do
        case $p in
            arm64) folder=aarch64-linux-gnu;;
            armhf) folder=arm-linux-gnueabihf;;
            i386) folder=i686-linux-gnu;;
            *) folder=$p-linux-gnu;;
        esac
        records "$p" train "$packages/files/usr/$folder/lib/libc.so.6" 200
        records "$p" test "$packages/files/usr/$folder/lib/libm.so.6" 40
    done
}

# records LABEL SPLIT FILE COUNT: COUNT records from three tenths of the file on, which is code.
records() {
    size=$(wc -c < "$3")
    dd if="$3" bs=512 skip=$((size * 3 / 10 / 512)) count="$4" 2>/dev/null >> "$data/code.$2.bin"
    awk -v label="$1" -v n="$4" 'BEGIN { while (n-- > 0) print label }' >> "$data/code.$2.labels.txt"
}

# Their first lines say how many rows and columns there are; here, names and labels in words are wanted.
write_tables() {
    tables=$packages/files/usr/lib/python3/dist-packages/sklearn/datasets/data
    awk -F, '
        BEGIN {
            names = "radius texture perimeter area smoothness compactness concavity points symmetry fractal"
            n = split(names, name, " ")
            m = split("mean error worst", of, " ")
            for (i = 1; i <= m; i++) for (j = 1; j <= n; j++) printf "%s_%s,", of[i], name[j]
            print "cells"
        }
        NR > 1 { sub(/,1[ \r]*$/, ",benign"); sub(/,0[ \r]*$/, ",malignant"); print }' "$tables/breast_cancer.csv" \
        > "$data/tumour.csv"
    awk 'BEGIN { for (i = 1; i <= 64; i++) printf "p%d,", i; print "digit" }' > "$data/digit.csv"
    zcat "$tables/digits.csv.gz" >> "$data/digit.csv"
}

mkdir -p "$data"
fetch
if [ ! -e "$data/done" ]; then
    say "preparing the data"
    write_tongues
    write_voices
    write_processors
    write_tables
    ln -sfn "$packages/files/usr/share/datasets/fashion-mnist" "$data/clothes"
    for file in tongue.train.tsv tongue.test.tsv voice/test/en code.train.bin code.test.bin tumour.csv digit.csv clothes/; do
        [ -s "$data/$file" ] || setup_die "the packages did not give $file; remove $out and try again"
    done
    : > "$data/done"
fi

# --- what to learn ---

cat > "$out/recipe.yaml" <<RECIPE
# One model, six tasks, five senses.
data: data
train: {minutes: ${MINUTES:-2}, seed: ${SEED:-1}, threads: ${THREADS:-2}}

tasks:
  clothing:                           # 28x28 pictures of ten kinds of clothing
    kind: classify
    parts: {picture: image}
    train: {picture: clothes/train-images-idx3-ubyte.gz, target: clothes/train-labels-idx1-ubyte.gz}
    test: {picture: clothes/t10k-images-idx3-ubyte.gz, target: clothes/t10k-labels-idx1-ubyte.gz}

  voice:                              # which language a recorded prompt speaks
    kind: classify
    parts: {sound: audio}
    train: voice/train
    test: voice/test

  tongue:                             # which language a paragraph is written in
    kind: classify
    parts: {text: text}
    target: language
    columns: [language, text]
    train: tongue.train.tsv
    test: tongue.test.tsv

  processor:                          # which processor 512 bytes of machine code are for
    kind: classify
    parts: {code: {sense: bytes, record: 512}}
    train: {code: code.train.bin, target: code.train.labels.txt}
    test: {code: code.test.bin, target: code.test.labels.txt}

  tumour:                             # 30 measurements of cells: benign or not
    kind: classify
    parts: {measures: table}
    target: cells
    train: tumour.csv
    split: {test: 0.4, seed: 1}

  digit:                              # 8x8 counts of ink, as a row of a table
    kind: classify
    parts: {ink: table}
    target: digit
    train: digit.csv
    split: {test: 0.3, seed: 1}
RECIPE

# --- learn, score, ask ---

say "training for ${MINUTES:-2} minutes"
"$pathways" train "$out/recipe.yaml" -o "$out/one.pathways"
"$pathways" eval "$out/one.pathways" "$out/recipe.yaml" --threads "${THREADS:-2}" --json > "$out/eval.json"
say "held-out scores"
"$pathways" eval "$out/one.pathways" "$out/recipe.yaml" --threads "${THREADS:-2}"

say "one prediction for each sense"
ask() { printf '%-10s ' "$1"; task=$1; shift; "$pathways" predict "$out/one.pathways" --task "$task" -- "$@"; }
printf 'P5 28 28 255\n' > "$out/first.pgm"
zcat "$data/clothes/t10k-images-idx3-ubyte.gz" | dd bs=1 skip=16 count=784 2>/dev/null >> "$out/first.pgm"
dd if="$data/code.test.bin" of="$out/first.bin" bs=512 count=1 2>/dev/null
ask clothing "$out/first.pgm"
ask voice "$(find "$data/voice/test/fr" -name '*.wav' | sort | head -n 1)"
ask tongue "Das Programm liest die Datei und schreibt jede Zeile auf die Standardausgabe."
ask processor "$out/first.bin"
ask tumour $(awk -F, 'NR == 1 { split($0, name, ",") }
    NR == 2 { for (i = 1; i < NF; i++) printf "%s=%s ", name[i], $i }' "$data/tumour.csv")
say "the model is $out/one.pathways"
