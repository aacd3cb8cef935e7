pathways_media_sources += src/media/codec.h src/media/media.c src/media/png.c src/media/jpeg.c
check_PROGRAMS += tests/test_media
tests_test_media_SOURCES = tests/test_media.c src/media/codec.h src/media/media.c src/media/png.c src/media/jpeg.c
tests_test_media_LDADD = libpathways-internal.la $(test_libs) -lpng -ljpeg
