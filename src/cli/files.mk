bin_PROGRAMS += pathways
pathways_SOURCES = src/cli/cli.h src/cli/main.c src/cli/common.c src/cli/progress.c src/cli/train.c src/cli/eval.c \
	src/cli/matrix.c src/cli/predict.c src/cli/inspect.c src/cli/quantize.c src/cli/seal.c src/cli/add.c src/cli/bench.c src/cli/verify.c
pathways_SOURCES += src/cli/predict_any.c src/cli/upcycle.c src/cli/grow.c
pathways_SOURCES += src/cli/tasks.c src/base/nearest.c
pathways_CFLAGS = $(AM_CFLAGS)         # objects of its own: nearest.c is in the library too
dist_check_SCRIPTS += tests/test_cli.sh tests/test_kill.sh
EXTRA_DIST += tests/kill_at.c
