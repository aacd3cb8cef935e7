pathways_media_sources += src/media/codec.h src/media/media.c src/media/png.c src/media/jpeg.c
if MEDIA
check_PROGRAMS += tests/test_media tests/test_data_real
tests_test_media_SOURCES = tests/test_media.c tests/data_help.h
tests_test_media_CPPFLAGS = $(AM_CPPFLAGS) $(MEDIA_CFLAGS)
tests_test_media_LDADD = libpathways-media-internal.la libpathways-internal.la $(test_libs) $(MEDIA_LIBS)
tests_test_data_real_SOURCES = tests/test_data_real.c tests/data_help.h
tests_test_data_real_LDADD = libpathways-media-internal.la libpathways-internal.la $(test_libs)
endif
