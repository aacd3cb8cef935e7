EXTRA_DIST += bench/record.sh bench/many.sh bench/sparse.py bench/sparse.sh
EXTRA_PROGRAMS += bench/lm
bench_lm_SOURCES = bench/lm.c
bench_lm_LDADD = libpathways-internal.la
EXTRA_PROGRAMS += bench/registry
bench_registry_SOURCES = bench/registry.c
bench_registry_LDADD = libpathways.la
