pathways_sources += src/file/model_file.h src/file/model_file.c src/file/packed_file.c src/file/file.h src/file/header.h \
  src/file/scan.c src/file/header.c src/file/names.c src/file/safetensors.c src/file/safetensors_write.c
pathways_sources += src/file/verify.h src/file/digests.c src/file/verify.c src/file/chain.h src/file/chain.c \
  src/file/merge.c src/file/delta.c src/file/added.c src/file/tokenizers.c
pathways_double_sources += src/file/digests.c src/file/verify.c src/file/chain.c src/file/merge.c src/file/delta.c
pathways_sources += src/file/registry_file.h src/file/registry_file.c src/api/registry_file.c
check_PROGRAMS += tests/test_safetensors
tests_test_safetensors_SOURCES = tests/test_safetensors.c
check_PROGRAMS += tests/test_chain
tests_test_chain_SOURCES = tests/test_chain.c
check_PROGRAMS += tests/test_file
tests_test_file_SOURCES = tests/test_file.c tests/model_rig.h
check_PROGRAMS += tests/test_packed_model
tests_test_packed_model_SOURCES = tests/test_packed_model.c tests/model_rig.h
