#!/bin/sh
# Every test of the project: installs what is missing (Debian 12, as root or with sudo), builds out of tree in build/
# (or $BUILD), runs `make check`, and ends with one line: N passed, N failed, N skipped. Can be run again.
# With LONG=1 it also runs `make check-long`.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/examples/setup.sh"

setup_install $setup_build_needs $setup_test_needs
setup_build "$top"

# The results of one run only: those of a program that is gone must not count.
find "$BUILD" -name '*.trs' -exec rm -f {} +
setup_say "testing"
status=0
make -C "$BUILD" -k -j"$(setup_jobs)" check > "$BUILD/check.log" 2>&1 || status=1
if [ "${LONG:-}" = 1 ]; then
    make -C "$BUILD" check-long || status=1
fi

results=$BUILD/results
find "$BUILD" -name '*.trs' -exec sed -n 's/^:test-result: \([A-Z]*\).*/\1/p' {} + > "$results"
count() { grep -cE "^($1)\$" "$results" || true; }
passed=$(count 'PASS|XFAIL')
failed=$(count 'FAIL|XPASS|ERROR')
skipped=$(count SKIP)

if [ "$failed" != 0 ] || [ $status != 0 ]; then
    for trs in $(find "$BUILD" -name '*.trs' -exec grep -lE '^:test-result: (FAIL|XPASS|ERROR)' {} +); do
        setup_say "${trs%.trs}.log"
        grep -vE '^(ok|PASS)' "${trs%.trs}.log" | tail -n 30 || true
    done
    if [ "$failed" = 0 ]; then
        grep -E 'error:|undefined reference|No rule|\*\*\*' "$BUILD/check.log" || tail -n 40 "$BUILD/check.log"
        failed=1                                # make itself failed: a test did not build
    fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
