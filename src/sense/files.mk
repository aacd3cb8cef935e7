pathways_sources += src/sense/sense.h src/sense/table.c src/sense/bag.h src/sense/bag.c src/sense/grams.c src/sense/text.c src/sense/bytes.c
pathways_double_sources += src/sense/table.c src/sense/bag.c src/sense/grams.c src/sense/text.c src/sense/bytes.c
check_PROGRAMS += tests/test_sense_text tests/test_sense_text_double
tests_test_sense_text_SOURCES = tests/test_sense_text.c
tests_test_sense_text_double_SOURCES = tests/test_sense_text_double.c
tests_test_sense_text_double_LDADD = libpathways-double.la $(test_libs)
tests_test_sense_text_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE

stem_sources = src/sense/fitted.h src/sense/fitted.c src/sense/telling.h src/sense/telling.c src/sense/project.h src/sense/project.c \
  src/sense/picture.h src/sense/picture.c src/sense/image.c src/sense/mel.h src/sense/mel.c src/sense/audio.c \
  src/sense/kernels.h src/sense/kernels.c src/sense/series.c \
  src/sense/columns.h src/sense/columns.c src/sense/columns_fit.c src/sense/trees.h src/sense/trees.c \
  src/sense/grow.c src/sense/row.c src/sense/sign.h src/sense/sign.c src/sense/sign_media.c
pathways_sources += $(stem_sources)
pathways_double_sources += $(stem_sources)
check_PROGRAMS += tests/test_sense tests/test_sense_table tests/test_sense_real tests/test_sense_double
tests_test_sense_SOURCES = tests/test_sense.c tests/sense_help.h
tests_test_sense_table_SOURCES = tests/test_sense_table.c tests/sense_help.h
tests_test_sense_real_SOURCES = tests/test_sense_real.c tests/sense_help.h
tests_test_sense_double_SOURCES = tests/test_sense_double.c tests/sense_help.h
tests_test_sense_double_LDADD = libpathways-double.la $(test_libs)
tests_test_sense_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
