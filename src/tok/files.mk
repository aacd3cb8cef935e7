pathways_sources += src/tok/tok.h src/tok/bpe.h src/tok/tok.c src/tok/split.c src/tok/pairs.c src/tok/encode.c \
	src/tok/train.c src/tok/json_read.c src/tok/json_write.c src/tok/detok.c
pathways_double_sources += src/tok/tok.c src/tok/split.c src/tok/pairs.c src/tok/encode.c \
	src/tok/train.c src/tok/json_read.c src/tok/json_write.c src/tok/detok.c
check_PROGRAMS += tests/test_tok
tests_test_tok_SOURCES = tests/test_tok.c
pathways_sources += src/api/tokenizer.c
