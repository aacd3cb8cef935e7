# The bindings. SWIG's output is built, not shipped. What the tests import is laid out in the build tree as it will be
# installed; the same tests run on what was installed in `make installcheck`.
swig_inputs = $(top_srcdir)/bindings/pathways.i $(pathwaysinclude_HEADERS)
swig = $(SWIG) -Wall -Werror -I$(top_srcdir)/bindings -I$(top_srcdir)/include
bindings_cppflags = -I$(top_srcdir)/include
bindings_cflags = -fno-strict-aliasing
bindings_libadd = $(media_la) libpathways.la
bindings_ldflags = -module -avoid-version -shared
bindings_installcheck =
if MEDIA
bindings_cppflags += -DHAVE_MEDIA
endif

python_sources = bindings/python/pathways/__init__.py bindings/python/pathways/_data.py \
  bindings/python/pathways/_errors.py bindings/python/pathways/_model.py bindings/python/pathways/_registry.py \
  bindings/python/pathways/_run.py bindings/python/pathways/_tools.py
python_tests = bindings/python/tests/test_data.py bindings/python/tests/test_examples.py \
  bindings/python/tests/test_main_job.py \
  bindings/python/tests/test_pathways.py bindings/python/tests/test_tools.py
lua_sources = bindings/lua/pathways.lua
lua_tests = bindings/lua/tests/test_main_job.lua bindings/lua/tests/test_pathways.lua

EXTRA_DIST += bindings/README.md bindings/pathways.i bindings/python/typemaps.i bindings/lua/typemaps.i \
  bindings/python/examples/main_job.py bindings/lua/examples/main_job.lua bindings/python/tests/rig.py \
  bindings/lua/tests/rig.lua $(python_sources) $(python_tests) $(lua_sources) $(lua_tests)

if PYTHON_BINDING
pathwayspydir = $(pythondir)/pathways
pathwayspy_DATA = $(python_sources)
pathwayspy_LTLIBRARIES = bindings/python/_pathways.la
nodist_bindings_python__pathways_la_SOURCES = bindings/python/pathways_python.c
bindings_python__pathways_la_CPPFLAGS = $(bindings_cppflags) $(PYTHON_CPPFLAGS)
bindings_python__pathways_la_CFLAGS = $(bindings_cflags)
bindings_python__pathways_la_LDFLAGS = $(bindings_ldflags)
bindings_python__pathways_la_LIBADD = $(bindings_libadd)

bindings/python/pathways_python.c: $(swig_inputs) $(top_srcdir)/bindings/python/typemaps.i
	$(AM_V_GEN)$(MKDIR_P) bindings/python/generated && \
	$(swig) -python -builtin -interface _pathways -outdir bindings/python/generated -o $@ \
	  $(top_srcdir)/bindings/pathways.i

# The package as it will be installed.
bindings/python/tree/stamp: $(python_sources) bindings/python/_pathways.la
	$(AM_V_GEN)$(MKDIR_P) bindings/python/tree/pathways && \
	for source in $(python_sources); do cp -f "$(srcdir)/$$source" bindings/python/tree/pathways || exit 1; done && \
	rm -f bindings/python/tree/pathways/_pathways.so && \
	$(LN_S) ../../.libs/_pathways.so bindings/python/tree/pathways/_pathways.so && : > $@

check_DATA += bindings/python/tree/stamp
TESTS += $(python_tests)
bindings_installcheck += installcheck-python
endif

if LUA_BINDING
pathwaysluadir = $(luadir)
pathwayslua_DATA = $(lua_sources)
pathwayslua_LTLIBRARIES = bindings/lua/pathways_core.la
nodist_bindings_lua_pathways_core_la_SOURCES = bindings/lua/pathways_lua.c
bindings_lua_pathways_core_la_CPPFLAGS = $(bindings_cppflags) $(LUA_CFLAGS)
bindings_lua_pathways_core_la_CFLAGS = $(bindings_cflags)
bindings_lua_pathways_core_la_LDFLAGS = $(bindings_ldflags)
bindings_lua_pathways_core_la_LIBADD = $(bindings_libadd)

bindings/lua/pathways_lua.c: $(swig_inputs) $(top_srcdir)/bindings/lua/typemaps.i
	$(AM_V_GEN)$(MKDIR_P) bindings/lua && $(swig) -lua -o $@ $(top_srcdir)/bindings/pathways.i

bindings/lua/tree/stamp: $(lua_sources) bindings/lua/pathways_core.la
	$(AM_V_GEN)$(MKDIR_P) bindings/lua/tree && cp -f "$(srcdir)/bindings/lua/pathways.lua" bindings/lua/tree && \
	rm -f bindings/lua/tree/pathways_core.so && \
	$(LN_S) ../.libs/pathways_core.so bindings/lua/tree/pathways_core.so && : > $@

check_DATA += bindings/lua/tree/stamp
TESTS += $(lua_tests)
bindings_installcheck += installcheck-lua
endif

# Each test takes what PATHWAYS_INSTALLED says, or the build tree.
installcheck-python:
	@for test in $(python_tests); do \
	  echo "installed: $$test"; \
	  PATHWAYS_INSTALLED='$(DESTDIR)$(pythondir)' LD_LIBRARY_PATH='$(DESTDIR)$(libdir)' PYTHONDONTWRITEBYTECODE=1 \
	    $(PYTHON) "$(srcdir)/$$test" || exit 1; \
	done

installcheck-lua:
	@for test in $(lua_tests); do \
	  echo "installed: $$test"; \
	  PATHWAYS_INSTALLED='$(DESTDIR)$(luadir)' LD_LIBRARY_PATH='$(DESTDIR)$(libdir)' \
	    $(LUA) "$(srcdir)/$$test" || exit 1; \
	done

installcheck-local: $(bindings_installcheck)
.PHONY: installcheck-python installcheck-lua

CLEANFILES += bindings/python/pathways_python.c bindings/lua/pathways_lua.c
clean-local:
	rm -rf bindings/python/generated bindings/python/tree bindings/lua/tree
