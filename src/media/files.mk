media_codecs = src/media/codec.h src/media/media.c src/media/png.c src/media/jpeg.c
pathways_media_sources += $(media_codecs)
check_PROGRAMS += tests/test_media tests/test_data_real
tests_test_media_SOURCES = tests/test_media.c tests/data_help.h $(media_codecs)
tests_test_media_LDADD = libpathways-internal.la $(test_libs) -lpng -ljpeg
tests_test_data_real_SOURCES = tests/test_data_real.c tests/data_help.h $(media_codecs)
tests_test_data_real_LDADD = libpathways-internal.la $(test_libs) -lpng -ljpeg
