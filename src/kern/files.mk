kern_sources = src/kern/kern.h src/kern/tables.h src/kern/exec.h src/kern/reference.c src/kern/avx2.c \
  src/kern/avx512.c src/kern/vmath.h src/kern/loops.h src/kern/matmul.h src/kern/packed.h src/kern/transpose.h src/kern/blas.c src/kern/pack.c \
  src/kern/choose.c src/kern/exec.c src/kern/products.c src/kern/packed_products.c \
  src/kern/trace.c src/kern/context.h src/kern/context.c src/kern/widen.h \
  src/kern/rounded.h src/kern/rounded.c src/kern/panels.c src/kern/avx512bf16.c src/kern/amx.c src/kern/onednn.h \
  src/kern/onednn.c
pathways_sources += $(kern_sources)
pathways_sources += src/api/context.c src/api/version.c
pathways_double_sources += $(kern_sources)
check_PROGRAMS += tests/test_kern tests/test_products tests/test_context tests/test_kern_double tests/test_amx
tests_test_kern_SOURCES = tests/test_kern.c
tests_test_amx_SOURCES = tests/test_amx.c tests/amx_tiles.h
tests_test_products_SOURCES = tests/test_products.c
tests_test_context_SOURCES = tests/test_context.c
tests_test_kern_double_SOURCES = tests/test_kern_double.c
tests_test_kern_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
tests_test_kern_double_LDADD = libpathways-double.la $(test_libs)
EXTRA_PROGRAMS += bench/kern
bench_kern_SOURCES = bench/kern.c
bench_kern_LDADD = libpathways-internal.la
