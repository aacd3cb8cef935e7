onednn_sources = src/onednn/module.c
if ONEDNN
pkglib_LTLIBRARIES += pathways-onednn.la
pathways_onednn_la_SOURCES = $(onednn_sources)
pathways_onednn_la_CPPFLAGS = $(AM_CPPFLAGS) $(ONEDNN_CFLAGS)
pathways_onednn_la_LIBADD = $(ONEDNN_LIBS)
pathways_onednn_la_LDFLAGS = -module -avoid-version -shared
check_PROGRAMS += tests/test_onednn
tests_test_onednn_SOURCES = tests/test_onednn.c
else
EXTRA_DIST += $(onednn_sources)
endif
