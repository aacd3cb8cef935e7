nn_sources = src/nn/param.h src/nn/nn.h src/nn/rows.h src/nn/param.c src/nn/embed.c src/nn/rmsnorm.c \
  src/nn/layernorm.c src/nn/dense.c src/nn/dropout.c src/nn/loss.c
pathways_sources += $(nn_sources)
pathways_double_sources += $(nn_sources)
