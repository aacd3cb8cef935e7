pathways_sources += src/sense/sense.h src/sense/table.c src/sense/bag.h src/sense/bag.c src/sense/grams.c src/sense/text.c src/sense/bytes.c
pathways_double_sources += src/sense/table.c src/sense/bag.c src/sense/grams.c src/sense/text.c src/sense/bytes.c
check_PROGRAMS += tests/test_sense_text tests/test_sense_text_double
tests_test_sense_text_SOURCES = tests/test_sense_text.c
tests_test_sense_text_double_SOURCES = tests/test_sense_text_double.c
tests_test_sense_text_double_LDADD = libpathways-double.la $(test_libs)
tests_test_sense_text_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
