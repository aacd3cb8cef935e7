pathways_sources += src/model/model.h src/model/model.c src/model/build.c src/model/batch.c src/model/pass.c \
	src/model/head.c src/model/writer.c src/model/generate.c src/model/describe.c src/model/infer.h src/model/infer.c src/model/evaluate.c src/model/result.h src/model/result.c
