nn_sources = src/nn/param.h src/nn/nn.h src/nn/rows.h src/nn/param.c src/nn/embed.c src/nn/rmsnorm.c \
  src/nn/layernorm.c src/nn/dense.c src/nn/dropout.c src/nn/loss.c src/nn/attention.h src/nn/rope.c \
  src/nn/attention.c src/nn/attention_step.c src/nn/attention_back.c src/nn/conv.h src/nn/conv.c \
  src/nn/conv_kernel.c src/nn/conv_patch.c src/nn/conv_norm.c
pathways_sources += $(nn_sources)
pathways_double_sources += $(nn_sources)
