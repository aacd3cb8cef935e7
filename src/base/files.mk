pathways_sources += src/base/error.h src/base/error.c src/base/nearest.h src/base/nearest.c src/base/digest.h src/base/digest.c src/base/example_bytes.h src/base/example_bytes.c src/base/example_cut.c src/base/mem.h src/base/mem.c src/base/arena.c src/base/map.c src/base/words.c \
  src/base/real.h src/base/rng.h src/base/put.c src/base/rng.c src/base/num.h src/base/num.c src/base/node.h src/base/node.c \
  src/base/yaml.c src/base/json.c src/base/options.c src/base/example.h src/base/example.c \
  src/api/example.c src/api/options.c
pathways_double_sources += src/base/error.c src/base/nearest.c src/base/digest.c src/base/example_bytes.c src/base/example_cut.c src/base/mem.c src/base/arena.c src/base/map.c src/base/words.c src/base/put.c src/base/rng.c \
  src/base/num.c src/base/node.c src/base/yaml.c src/base/json.c src/base/options.c src/base/example.c
check_PROGRAMS += tests/test_base
tests_test_base_SOURCES = tests/test_base.c
