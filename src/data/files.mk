pathways_sources += src/data/data.h src/data/read.h src/data/source.c src/data/index.c src/data/target.c src/data/regex.c \
	src/data/rows.c src/data/bind.c src/data/where.c src/data/cells.c src/data/delimited.c src/data/jsonl.c src/data/lines.c \
	src/data/libsvm.c src/data/series.c src/data/ts.c src/data/idx.c src/data/records.c src/data/parts.c src/data/folders.c \
	src/data/memory.c src/data/function.c src/data/slice.c src/data/decode.c src/data/pnm.c src/data/wav.c src/data/table.c src/api/source.c
check_PROGRAMS += tests/test_data tests/test_data_files tests/test_data_sources
tests_test_data_SOURCES = tests/test_data.c tests/data_help.h
tests_test_data_files_SOURCES = tests/test_data_files.c tests/data_help.h
tests_test_data_sources_SOURCES = tests/test_data_sources.c tests/data_help.h
