#!/bin/sh
# Each public header compiles alone, without a warning, in C99, C11 and C++.
set -u
top=${top_srcdir:-$(dirname "$0")/..}
cc=${CC:-cc}
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

compile() {                                     # compile HEADER SUFFIX COMPILER FLAGS...
    header=$1 suffix=$2; shift 2
    printf '#include <pathways/%s>\n#include <pathways/%s>\nint pathways_header_is_whole;\n' "$header" "$header" \
        > "$work/one.$suffix"
    "$@" -Wall -Wextra -Wpedantic -Werror -I"$top/include" -fsyntax-only "$work/one.$suffix" || {
        echo "$header fails with: $*"; failed=1
    }
}

for path in "$top"/include/pathways/*.h; do
    header=$(basename "$path")
    compile "$header" c $cc -std=c99
    compile "$header" c $cc -std=c11
    if [ -n "${CXX:-}" ]; then
        compile "$header" cc $CXX -std=c++11
        compile "$header" cc $CXX -std=c++20
    fi
done
[ -n "${CXX:-}" ] || echo "no C++ compiler: not looked at in C++"
exit $failed
