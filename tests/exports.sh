#!/bin/sh
# What the headers declare, what the version script lists and what the built library exports are the same names.
# `sh tests/exports.sh --list` prints the names that the headers declare.
set -u
top=${top_srcdir:-$(dirname "$0")/..}
build=${top_builddir:-.}
include=$top/include/pathways
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
failed=0

# The name after PWY_API, up to its parenthesis; a declaration that this cannot read is counted and reported.
declared() {
    sed -n 's/^ *PWY_API [^(]*[ *]\(pwy_[a-z0-9_]*\)(.*/\1/p' "$@" | sort
}

listed() {
    sed -n 's/^ *\(pwy_[a-z0-9_]*\);.*/\1/p' "$1" | sort
}

exported() {
    nm -D --defined-only "$1" | sed -n 's/^[^ ]* [A-Z] \([A-Za-z0-9_]*\)@*.*/\1/p' | grep -v '^PATHWAYS_' | sort
}

same() {                                        # same FILE WHAT FILE WHAT
    if ! cmp -s "$1" "$3"; then
        comm -23 "$1" "$3" | sed "s|^|in $2 but not in $4: |"
        comm -13 "$1" "$3" | sed "s|^|in $4 but not in $2: |"
        failed=1
    fi
}

check() {                                       # check LIBRARY HEADER...
    library=$1; shift
    declared "$@" > "$work/declared"
    if [ "$(cat "$@" | grep -c '^ *PWY_API')" != "$(wc -l < "$work/declared")" ]; then
        echo "a PWY_API line in $* declares no function in one line"; failed=1
    fi
    listed "$top/src/$library.map" > "$work/listed"
    same "$work/declared" "the headers" "$work/listed" "src/$library.map"
    if [ -e "$build/.libs/$library.so" ]; then
        exported "$build/.libs/$library.so" > "$work/exported"
        same "$work/listed" "src/$library.map" "$work/exported" "$library.so"
    else
        echo "$library.so is not built: not looked at"
    fi
}

core=$(ls "$include"/*.h | grep -v '/media\.h$')
if [ "${1:-}" = --list ]; then
    declared $core
    exit
fi
check libpathways $core
check libpathways-media "$include/media.h"
exit $failed
