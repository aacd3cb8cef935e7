#!/bin/sh
# tests/test_kill.sh at every call that changes files and after many delays; and of a model of more than 64 MiB, which seal
# does not write anew but writes beside. A few minutes.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
echo "a small model"
POINTS=1000000 DELAYS=100 sh "$here/test_kill.sh"
echo "a large model"
SHAPE='{d: 128, layers: 2, heads: 2, experts: 48, topk: 1, hidden: 512, vocab: 270}' POINTS=1000000 DELAYS=40 \
    sh "$here/test_kill.sh"
