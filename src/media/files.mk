pathways_media_sources += src/media/codec.h src/media/media.c src/media/png.c src/media/jpeg.c
media_test_libs = libpathways-media-internal.la libpathways-internal.la $(test_libs)
if MEDIA
check_PROGRAMS += tests/test_media tests/test_data_real
endif
tests_test_media_SOURCES = tests/test_media.c tests/data_help.h
tests_test_media_LDADD = $(media_test_libs)
tests_test_data_real_SOURCES = tests/test_data_real.c tests/data_help.h
tests_test_data_real_LDADD = $(media_test_libs)
