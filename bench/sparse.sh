#!/bin/sh
# bench/sparse.sh LM OUT: sparse against dense language models on text from Debian's documentation packages (bench/lm, which
# `make bench/lm` builds), each token seen once, one thread. Writes what docs/results.md shows. In the environment:
#   TOKENS=30       millions of tokens of the longest runs; each model also runs at a quarter and at half of them
#   PILOT=2         millions of tokens of the runs that choose each model's learning rates
#   SEEDS="1 2 3"   of the weights; the order of the text is the same
#   MODELS          those of the list below that run, all of them unless said
# A run that is in OUT/runs already is not made again, so that a study may be stopped and gone on with. All of it at 30
# million tokens takes about ten hours of one core, nearly half of them the dense model of the same total size.
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
        small) echo hidden=32 ;;
        twin) echo hidden=64 ;;
        experts4) echo hidden=32 experts=4 topk=2 ;;
        experts16) echo hidden=32 experts=16 topk=2 ;;
        experts64) echo hidden=32 experts=64 topk=2 ;;
        total) echo hidden=2048 ;;
    esac
}

# The learning rates that are tried: the common one, and what experts learn at, times it.
rates() {
    case $1 in
        experts*) echo ".005,1 .008,.5 .008,1 .008,1.7 .012,1" ;;
        total) echo ".002,1 .004,1 .008,1" ;;
        *) echo ".006,1 .008,1 .012,1 .016,1" ;;
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
    for share in 4 2 1; do
        length=$(awk "BEGIN { print $tokens / $share }")
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
    echo
    $py reach "$out"/runs/run-$model-"$tokens"-*.jsonl -- "$out"/runs/run-*.jsonl
done
