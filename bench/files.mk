EXTRA_DIST += bench/record.sh bench/many.sh bench/llama.py bench/sparse.py bench/sparse.sh
EXTRA_DIST += bench/large.sh bench/candidates.sh
EXTRA_PROGRAMS += bench/large
bench_large_SOURCES = bench/large.c
bench_large_LDADD = libpathways-internal.la
EXTRA_DIST += bench/record.sh bench/many.sh bench/sparse.py bench/sparse.sh
EXTRA_PROGRAMS += bench/lm
bench_lm_SOURCES = bench/lm.c
bench_lm_LDADD = libpathways-internal.la
EXTRA_PROGRAMS += bench/registry
bench_registry_SOURCES = bench/registry.c
bench_registry_LDADD = libpathways.la
EXTRA_DIST += bench/which.sh bench/which.yaml bench/which_unknown.yaml bench/which.c
if MEDIA
EXTRA_PROGRAMS += bench/which
bench_which_SOURCES = bench/which.c
bench_which_LDADD = libpathways-media-internal.la libpathways-internal.la
endif
EXTRA_DIST += bench/bf16.sh bench/torch.py
EXTRA_DIST += bench/continual.py bench/reuse.py bench/sets.py bench/protocols.py
if MEDIA
EXTRA_PROGRAMS += bench/answers
bench_answers_SOURCES = bench/answers.c
bench_answers_LDADD = libpathways-media-internal.la libpathways-internal.la
EXTRA_PROGRAMS += bench/learn
bench_learn_SOURCES = bench/learn.c
bench_learn_LDADD = libpathways-media.la libpathways.la
endif
EXTRA_DIST += bench/narrow.py
EXTRA_PROGRAMS += bench/thin
bench_thin_SOURCES = bench/thin.c
bench_thin_LDADD = libpathways-internal.la
