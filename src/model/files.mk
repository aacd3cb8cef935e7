pathways_sources += src/model/model.h src/model/budget.h src/model/stems.h src/model/model.c src/model/net.c src/model/way.c src/model/overlay.c src/model/closure.c src/model/seal.c src/model/golden.c src/model/restrict.c src/model/rename.c src/model/upcycle.c src/model/grow.c src/model/merge.c src/model/stems.c src/model/vocabulary.c src/model/build.c src/model/budget.c src/model/batch.c src/model/pass.c \
	src/model/head.c src/model/writer.c src/model/generate.c src/model/describe.c src/model/infer.h src/model/infer.c src/model/evaluate.c src/model/result.h src/model/result.c
pathways_sources += src/model/which.h src/model/which.c src/model/which_fit.c
# The whole network's gradient, in double, goes from examples to losses: it takes all that a model is made of.
pathways_double_sources += src/model/model.c src/model/net.c src/model/way.c src/model/overlay.c src/model/closure.c src/model/seal.c src/model/golden.c src/model/restrict.c src/model/rename.c src/model/upcycle.c src/model/grow.c src/model/merge.c src/model/stems.c src/model/vocabulary.c src/model/build.c src/model/budget.c src/model/batch.c src/model/pass.c src/model/head.c \
	src/model/writer.c src/model/generate.c src/model/describe.c src/model/infer.c src/model/evaluate.c src/model/result.c \
	src/file/model_file.c src/file/tokenizers.c src/file/packed_file.c src/file/registry_file.c src/file/scan.c src/file/header.c src/file/names.c src/file/safetensors.c \
	src/file/safetensors_write.c \
	src/task/registry.c src/task/store.c src/task/copy.c src/task/select.c src/task/segment.c src/task/image.c src/task/labels.c \
	src/task/task.c src/task/target.c src/task/read.c src/task/ask.c src/task/persist.c src/task/heads.c \
	src/task/classify.c src/task/multilabel.c src/task/regress.c src/task/generate.c src/task/metric.c \
	src/data/source.c src/data/index.c src/data/target.c src/data/regex.c src/data/rows.c src/data/bind.c src/data/where.c \
	src/data/cells.c src/data/delimited.c src/data/jsonl.c src/data/lines.c src/data/libsvm.c src/data/series.c src/data/ts.c \
	src/data/idx.c src/data/records.c src/data/parts.c src/data/folders.c src/data/memory.c src/data/function.c \
	src/data/slice.c src/data/decode.c src/data/pnm.c src/data/wav.c src/data/table.c \
	src/api/context.c src/api/example.c src/api/options.c src/api/registry.c src/api/source.c src/api/model.c
check_PROGRAMS += tests/test_model tests/test_model_double
check_PROGRAMS += tests/test_upcycle tests/test_grow
tests_test_grow_SOURCES = tests/test_grow.c tests/seal_rig.h tests/train_rig.h tests/model_rig.h
tests_test_upcycle_SOURCES = tests/test_upcycle.c tests/train_rig.h tests/model_rig.h
tests_test_model_SOURCES = tests/test_model.c tests/model_rig.h
check_PROGRAMS += tests/test_which
pathways_double_sources += src/model/which.c src/model/which_fit.c
tests_test_which_SOURCES = tests/test_which.c tests/train_rig.h tests/model_rig.h tests/param_rig.h
tests_test_model_double_SOURCES = tests/test_model_double.c tests/model_rig.h tests/param_rig.h
tests_test_model_double_LDADD = libpathways-double.la $(test_libs)
tests_test_model_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
check_PROGRAMS += tests/test_budget
tests_test_budget_SOURCES = tests/test_budget.c tests/train_rig.h tests/model_rig.h
