pathways_sources += src/sys/cpu.h src/sys/cpu.c src/sys/file.h src/sys/map.c src/sys/replace.c src/sys/pool.h src/sys/fpmode.h \
  src/sys/pool.c
pathways_double_sources += src/sys/cpu.c src/sys/map.c src/sys/replace.c src/sys/pool.c
check_PROGRAMS += tests/test_sys
tests_test_sys_SOURCES = tests/test_sys.c
