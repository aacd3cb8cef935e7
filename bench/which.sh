#!/bin/sh
# bench/which.sh BUILD DATA OUT: trains bench/which.yaml on the sets below DATA (a model that is in OUT already is taken as it
# is), asks it for the test rows of every set which task they belong to, and for sets that it never saw, and prints what
# docs/results.md shows. Needs a build with media.
set -eu
[ $# = 3 ] || { echo "usage: $0 BUILD DATA OUT" >&2; exit 2; }
build=$1 out=$3
export PATHWAYS_DATA="$2"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
make -s -C "$build" pathways bench/which
if [ ! -e "$out/which.pathways" ]; then
    "$build/pathways" train "$here/which.yaml" -o "$out/which.pathways" ${STEPS:+--steps "$STEPS"}
fi
"$build/bench/which" "$out/which.pathways" "$here/which.yaml" "$here/which_unknown.yaml" ${SPLIT:+"$SPLIT"}
