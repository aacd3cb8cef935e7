route_sources = src/route/route.h src/route/router.h src/route/policy.h src/route/route.c src/route/segments.c \
  src/route/affinity.c src/route/gates.c src/route/choose.c src/route/expert_choice.c src/route/whole_task.c \
  src/route/caller.c src/route/tape.h src/route/tape.c src/route/record.h src/route/record.c \
  src/route/usage.h src/route/usage.c src/route/sort.c \
  src/route/balance.c src/route/experts.c src/route/experts_packed.c \
  src/route/ffn.c src/route/rows.h src/route/rows.c src/route/pathway.h \
  src/route/pathway.c src/route/ways.c src/route/block.h src/route/block.c src/route/trunk.h src/route/trunk.c \
  src/route/cache.c
pathways_sources += $(route_sources) src/api/router.c src/api/routes.h src/api/routes.c
pathways_double_sources += $(route_sources)
check_PROGRAMS += tests/test_routes tests/test_recipe_routers tests/test_route tests/test_policies tests/test_router \
  tests/test_route_double tests/test_pathway
tests_test_recipe_routers_SOURCES = tests/test_recipe_routers.c tests/model_rig.h
tests_test_routes_SOURCES = tests/test_routes.c tests/model_rig.h
tests_test_router_SOURCES = tests/test_router.c
tests_test_policies_SOURCES = tests/test_policies.c tests/route_rig.h
tests_test_pathway_SOURCES = tests/test_pathway.c tests/route_rig.h
tests_test_route_SOURCES = tests/test_route.c tests/route_rig.h
tests_test_route_double_SOURCES = tests/test_route_double.c tests/route_rig.h
tests_test_route_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
tests_test_route_double_LDADD = libpathways-double.la $(test_libs)
check_PROGRAMS += tests/test_blocks tests/test_blocks_double
tests_test_blocks_SOURCES = tests/test_blocks.c tests/route_rig.h
tests_test_blocks_double_SOURCES = tests/test_blocks.c tests/route_rig.h
tests_test_blocks_double_CPPFLAGS = $(AM_CPPFLAGS) -DPATHWAYS_DOUBLE
tests_test_blocks_double_LDADD = libpathways-double.la $(test_libs)
EXTRA_DIST += tests/golden/route.py tests/golden/route.json tests/golden/blocks.py tests/golden/blocks.json
check_PROGRAMS += tests/test_packed
tests_test_packed_SOURCES = tests/test_packed.c tests/route_rig.h
