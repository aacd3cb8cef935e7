pathways_sources += src/plugin/closure.c
check_PROGRAMS += tests/test_closure
tests_test_closure_SOURCES = tests/test_closure.c
