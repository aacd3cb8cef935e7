pathways_sources += src/api/check.h src/api/model.c src/api/session.c src/api/trainer.c src/api/pathway.c src/api/bench.c
pathways_sources += src/api/result.c
