pathways_sources += src/recipe/recipe.h src/recipe/recipe.c src/recipe/task.c src/recipe/words.c src/api/recipe.c
check_PROGRAMS += tests/test_recipe
tests_test_recipe_SOURCES = tests/test_recipe.c
