#!/bin/sh
# bench/sparse.sh LM OUT: sparse against dense language models on text from Debian's documentation packages (bench/lm, which
# `make bench/lm` builds), each token seen once, one thread. Writes what docs/results.md shows. In the environment:
#   TOKENS=30       millions of tokens of the longest runs; 64 experts also run at half and at a quarter of them
#   TOTAL=16.2      those of the dense model of the same total size, several if need be: as it is, what is five times the
#                   operations of 64 experts at 30 million. At all 30 ("16.2 30") it takes some 75 minutes of a core a seed
#   LONGER=         further lengths of 64 experts, against the longer one: a fifth of its operations at 30 is "55"
#   PILOT=2         millions of tokens of the runs that choose each model's learning rates
#   SEEDS="1 2 3"   of the weights; the order of the text is the same
#   MODELS          those of the list below that run, all of them unless said
# A run that is in OUT/runs already is not made again, so that a study may be stopped and gone on with. All of it at 30
# million tokens is 1.1e15 operations, half of them the dense model's of the same total size: some seven hours of a core
# with AVX2, of which `MODELS=...` may take a part at a time.
set -eu
[ $# = 2 ] || { echo "usage: $0 LM OUT" >&2; exit 2; }
lm=$1 out=$2
py="python3 $(cd "$(dirname "$0")" && pwd)/sparse.py"
tokens=${TOKENS:-30} pilot=${PILOT:-2} seeds=${SEEDS:-1 2 3}
models=${MODELS:-small twin experts4 experts16 experts64 total}
packages="apache2-doc debian-policy debian-reference-en developers-reference git-doc git-man gnuplot-doc linux-doc-6.1
    manpages manpages-cs manpages-de manpages-de-dev manpages-dev manpages-es manpages-es-dev manpages-fr manpages-fr-dev
    manpages-it manpages-it-dev manpages-ja manpages-ja-dev manpages-nl manpages-pl manpages-pl-dev manpages-pt-br
    manpages-pt-br-dev manpages-ro manpages-ru manpages-ru-dev manpages-sv manpages-uk manpages-zh octave-doc perl-doc
    postgresql-doc-15 python-django-doc python3.11-doc sqlite3-doc vim-doc vim-runtime"

# The shapes: d 64, two layers. One expert is the twin: the same active size, all of it always.
shape() {
    case $1 in
        small) echo hidden=64 ;;
        twin) echo hidden=128 ;;
        experts4) echo hidden=64 experts=4 topk=2 ;;
        experts16) echo hidden=64 experts=16 topk=2 ;;
        experts64) echo hidden=64 experts=64 topk=2 ;;
        total) echo hidden=4096 ;;
    esac
}

# Millions of tokens of a model's runs.
lengths() {
    case $1 in
        experts64) awk "BEGIN { print $tokens / 4, $tokens / 2, $tokens }"; echo "${LONGER:-}" ;;
        total) echo "${TOTAL:-$(awk "BEGIN { print .54 * $tokens }")}" ;;
        *) echo "$tokens" ;;
    esac
}

# The learning rates that are tried: the common one, and what experts learn at, times it.
rates() {
    case $1 in
        experts4) echo ".005,1 .008,1 .012,1 .016,1 .008,.5 .012,.5" ;;
        experts*) echo ".005,1 .008,1 .012,1 .005,.5 .008,.5 .012,.5 .008,.25" ;;
        total) echo ".002,1 .004,1 .008,1" ;;
        *) echo ".005,1 .008,1 .012,1 .016,1" ;;
    esac
}

run() {                                 # NAME OPTION...
    file=$out/runs/$1.jsonl
    shift
    [ -e "$file" ] && return
    "$lm" train "$out/tokens" "$@" > "$file.part"
    mv "$file.part" "$file"
}

data() {
    [ -e "$out/tokens.json" ] && return
    mkdir -p "$out/deb" "$out/runs"
    (cd "$out/deb" && for p in $packages; do ls "$p"_*.deb > /dev/null 2>&1 || apt-get download -q "$p"; done)
    $py text "$out/documents" "$out"/deb/*.deb > "$out/text.json"
    "$lm" tokens "$out/documents" 1024 "$out/tokens" > "$out/tokens.part"
    mv "$out/tokens.part" "$out/tokens.json"
}

data
cat "$out/text.json" "$out/tokens.json"
for model in $models; do
    for rate in $(rates "$model"); do
        run "pilot-$model-$rate" tokens="$pilot" lr="${rate%,*}" expert_lr="${rate#*,}" $(shape "$model")
    done
    best=$($py best "$out"/runs/pilot-"$model"-*.jsonl)
    for length in $(lengths "$model"); do
        for seed in $seeds; do
            run "run-$model-$length-$seed" tokens="$length" seed="$seed" $best $(shape "$model")
        done
    done
done
echo; echo "Learning rates at $pilot million tokens:"; echo
$py table "$out"/runs/pilot-*.jsonl
echo; echo "Runs:"; echo
$py table "$out"/runs/run-*.jsonl
for model in twin total; do
    for length in $(lengths $model); do
        echo
        $py reach "$out"/runs/run-$model-"$length"-*.jsonl -- "$out"/runs/run-*.jsonl
    done
done
