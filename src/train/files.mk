pathways_sources += src/train/train.h src/train/schedule.c src/train/mixture.c src/train/adamw.c src/train/step.c \
	src/train/trainer.c src/train/choose.c src/train/checkpoint.c src/train/bench.h src/train/bench.c src/train/bench_read.c src/train/bench_file.c
check_PROGRAMS += tests/test_train tests/test_runs tests/test_bf16
tests_test_bf16_SOURCES = tests/test_bf16.c tests/train_rig.h tests/model_rig.h
tests_test_train_SOURCES = tests/test_train.c tests/train_rig.h tests/model_rig.h
tests_test_runs_SOURCES = tests/test_runs.c tests/train_rig.h tests/model_rig.h
# Adding tasks to a model.
pathways_sources += src/train/use.h src/train/use.c src/train/add.h src/train/add.c src/train/adding.h src/train/reuse.c src/train/growth.c src/train/probe.h src/train/probe.c \
	src/train/near.h src/train/near.c src/train/operations.h src/train/operations.c src/train/numbers.h \
	src/train/numbers.c
check_PROGRAMS += tests/test_seal tests/test_merge tests/test_golden tests/test_near tests/test_operations tests/test_reuse
tests_test_reuse_SOURCES = tests/test_reuse.c tests/train_rig.h tests/model_rig.h
tests_test_operations_SOURCES = tests/test_operations.c tests/train_rig.h tests/model_rig.h
tests_test_merge_SOURCES = tests/test_merge.c tests/seal_rig.h tests/train_rig.h tests/model_rig.h
tests_test_golden_SOURCES = tests/test_golden.c tests/train_rig.h tests/model_rig.h
tests_test_seal_SOURCES = tests/test_seal.c tests/seal_rig.h tests/train_rig.h tests/model_rig.h
tests_test_near_SOURCES = tests/test_near.c tests/train_rig.h tests/model_rig.h
# Optimizers.
pathways_sources += src/train/sleep.c src/train/adafactor.c src/train/copy.c
check_PROGRAMS += tests/test_optimizer
tests_test_optimizer_SOURCES = tests/test_optimizer.c tests/param_rig.h
EXTRA_DIST += tests/golden/optimizer.py tests/golden/optimizer.json
EXTRA_PROGRAMS += bench/optimizer
bench_optimizer_SOURCES = bench/optimizer.c
bench_optimizer_LDADD = libpathways-internal.la
# Candidate sets that are learned.
pathways_sources += src/train/narrow.h src/train/narrow.c
check_PROGRAMS += tests/test_narrow
tests_test_narrow_SOURCES = tests/test_narrow.c tests/train_rig.h tests/model_rig.h
check_PROGRAMS += tests/test_tolerance
tests_test_tolerance_SOURCES = tests/test_tolerance.c tests/train_rig.h tests/model_rig.h
# Learning by doing.
pathways_sources += src/train/learn.c
check_PROGRAMS += tests/test_learn
tests_test_learn_SOURCES = tests/test_learn.c tests/train_rig.h tests/model_rig.h
check_PROGRAMS += tests/test_extract
tests_test_extract_SOURCES = tests/test_extract.c tests/train_rig.h tests/model_rig.h
