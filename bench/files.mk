EXTRA_DIST += bench/many.sh
