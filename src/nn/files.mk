nn_sources = src/nn/param.h src/nn/nn.h src/nn/rows.h src/nn/param.c src/nn/packed.c src/nn/embed.c src/nn/rmsnorm.c \
  src/nn/layernorm.c src/nn/dense.c src/nn/dropout.c src/nn/loss.c src/nn/attention.h src/nn/rope.c \
  src/nn/attention.c src/nn/attention_step.c src/nn/attention_back.c src/nn/conv.h src/nn/conv.c \
  src/nn/conv_kernel.c src/nn/conv_patch.c src/nn/conv_norm.c
pathways_sources += $(nn_sources)
pathways_double_sources += $(nn_sources)
check_PROGRAMS += tests/test_nn tests/test_nn_double tests/test_nn_golden
tests_test_nn_SOURCES = tests/test_nn.c tests/nn_rig.h tests/param_rig.h
tests_test_nn_double_SOURCES = tests/test_nn_double.c tests/nn_rig.h
tests_test_nn_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
tests_test_nn_double_LDADD = libpathways-double.la $(test_libs)
tests_test_nn_golden_SOURCES = tests/test_nn_golden.c tests/nn_rig.h
tests_test_nn_golden_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
tests_test_nn_golden_LDADD = libpathways-double.la $(test_libs)
EXTRA_DIST += tests/golden/nn.py tests/golden/nn.json
