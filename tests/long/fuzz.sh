#!/bin/sh
# 20,000 mutations (or $PATHWAYS_MUTATIONS) of a model file, and as many of a checkpoint: an error with a reason, or a model
# that is whole; never a crash. A minute or two.
set -eu
build=${top_builddir:-build}
status=0
for test in test_file test_runs; do
    make -s -C "$build" tests/$test > /dev/null
    # Check's own limit of seconds is for the short form.
    CK_DEFAULT_TIMEOUT=0 CK_TIMEOUT_MULTIPLIER=1000 PATHWAYS_MUTATIONS=${PATHWAYS_MUTATIONS:-20000} "$build/tests/$test" || status=1
done
exit $status
