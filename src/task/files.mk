pathways_sources += src/task/task.h src/task/record.h src/task/store.h src/task/store.c src/task/registry.c src/task/copy.c src/task/select.c src/task/segment.c \
    src/task/image.c src/task/labels.c src/task/task.c src/task/target.c src/task/read.c \
    src/task/ask.c src/task/persist.c src/task/heads.c src/task/classify.c src/task/multilabel.c \
    src/task/regress.c src/task/generate.c src/task/metric.c src/api/registry.c
pathways_sources += src/task/continual.h src/task/continual.c src/task/continual_json.c src/api/continual.c
check_PROGRAMS += tests/test_continual
tests_test_continual_SOURCES = tests/test_continual.c
check_PROGRAMS += tests/test_task tests/test_registry
tests_test_registry_SOURCES = tests/test_registry.c
tests_test_task_SOURCES = tests/test_task.c
