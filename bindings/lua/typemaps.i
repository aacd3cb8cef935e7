/* How values cross between Lua and C: integers as integers, errors as tables that are raised, arrays as nested tables.
   What a call needs for a while is userdata on Lua's stack, so nothing is lost when an error is raised. */

/* Where callbacks of the library run: on the state that called in, whose hooks (Ctrl-C) then work. */
%{
static _Thread_local lua_State *running;
%}
%define %long_call(NAME)
%exception NAME {
    lua_State *outer = running;
    running = L;
    $action
    running = outer;
}
%enddef

/* --- Integers --- */

%typemap(in, checkfn="lua_isnumber") int64_t, int32_t, int "$1 = ($1_ltype)lua_tointeger(L, $input);"
%typemap(out) int64_t, int32_t, int "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"
%typemap(out) pwy_task_kind "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"

/* --- Errors: a table of message, status, file, line, task, shown as its message. A callback's own goes before. --- */

%{
static const char pending;              /* its address: the registry's key of what a callback raised, else false */
static const char *const error_metatable = "pathways.error";

static int error_text(lua_State *L)
{
    lua_getfield(L, 1, "message");
    return 1;
}

static int error_concat(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

static void put_text(lua_State *L, const char *name, const char *text)
{
    if (text == NULL) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void push_failure(lua_State *L, pwy_status status)
{
    pwy_error *last = pwy_error_last();
    int about = last != NULL && pwy_error_status(last) == status;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    put_text(L, "message", about ? pwy_error_text(last) : pwy_status_name(status));
    if (about) {
        put_text(L, "file", pwy_error_file(last));
        put_text(L, "task", pwy_error_task(last));
        lua_pushinteger(L, (lua_Integer)pwy_error_line(last));
        lua_setfield(L, -2, "line");
    }
    pwy_error_free(last);
    luaL_setmetatable(L, error_metatable);
}

/* Pushes what a callback raised, or nothing. */
static int push_pending(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pending);
    if (lua_toboolean(L, -1)) {
        lua_pushboolean(L, 0);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &pending);
        return 1;
    }
    lua_pop(L, 1);
    return 0;
}

/* 1: there is something to raise, on top of the stack. */
static int failed(lua_State *L, pwy_status status)
{
    if (push_pending(L)) return 1;
    if (status == PWY_OK) return 0;
    push_failure(L, status);
    return 1;
}

static int failed_with(lua_State *L, const char *message)
{
    pwy_status status = PWY_E_ARGUMENT;
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    put_text(L, "message", message);
    luaL_setmetatable(L, error_metatable);
    return 0;
}
%}

%init %{
    luaL_newmetatable(L, error_metatable);
    lua_pushcfunction(L, error_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, error_concat);
    lua_setfield(L, -2, "__concat");
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &pending);
%}

%typemap(out) pwy_status "if (failed(L, $1)) SWIG_fail;"

/* --- What C writes through pointers is returned. Handles are Lua's to end, but for those that are borrowed. --- */

%typemap(in, numinputs=0) SWIGTYPE **out ($*1_ltype made = NULL) "$1 = &made;"
%typemap(argout) SWIGTYPE **out "SWIG_NewPointerObj(L, *$1, $*1_descriptor, 1); SWIG_arg++;"
%typemap(in, numinputs=0) SWIGTYPE **BORROWED ($*1_ltype found = NULL) "$1 = &found;"
%typemap(argout) SWIGTYPE **BORROWED "SWIG_NewPointerObj(L, *$1, $*1_descriptor, 0); SWIG_arg++;"
%apply SWIGTYPE **BORROWED { pwy_task **task, pwy_source **source };

%typemap(in, numinputs=0) char **OWNED (char *made = NULL) "$1 = &made;"
%typemap(argout) char **OWNED {
    lua_pushstring(L, *$1);
    pwy_text_free(*$1);
    SWIG_arg++;
}
%apply char **OWNED { char **json, char **yaml, char **hex };

%typemap(in, numinputs=0) (char **text, int64_t *len) (char *made = NULL, int64_t made_len = 0)
    "$1 = &made; $2 = &made_len;"
%typemap(argout) (char **text, int64_t *len) {
    lua_pushlstring(L, *$1, (size_t)*$2);
    pwy_text_free(*$1);
    SWIG_arg++;
}

%typemap(in, numinputs=0) const char **text (const char *piece = NULL) "$1 = (char **)&piece;"
%typemap(argout) const char **text "lua_pushstring(L, *$1); SWIG_arg++;"

%typemap(in, numinputs=0) double *NUMBER (double read = 0) "$1 = &read;"
%typemap(argout) double *NUMBER "lua_pushnumber(L, *$1); SWIG_arg++;"
%apply double *NUMBER { double *loss, double *balance, double *zloss, double *entropy, double *max_violation,
                        double *met, double *overlap };
%typemap(in, numinputs=0) int *done (int read = 0) "$1 = &read;"
%typemap(argout) int *done "lua_pushboolean(L, *$1); SWIG_arg++;"
%typemap(in, numinputs=0) int64_t *index (int64_t read = 0) "$1 = &read;"
%typemap(argout) int64_t *index "lua_pushinteger(L, (lua_Integer)*$1); SWIG_arg++;"
%apply int64_t *index { int64_t *dropped };
%typemap(in, numinputs=0) pwy_task_kind *kind (pwy_task_kind read) "$1 = &read;"
%typemap(argout) pwy_task_kind *kind "lua_pushinteger(L, *$1); SWIG_arg++;"

/* --- Text and bytes with their length --- */

%typemap(in, checkfn="lua_isstring") (const char *text, int64_t len) (size_t text_len) {
    $1 = (char *)lua_tolstring(L, $input, &text_len);
    $2 = (int64_t)text_len;
}
%typemap(in, checkfn="lua_isstring") (const char *json, int64_t len) = (const char *text, int64_t len);
%typemap(in, checkfn="lua_isstring") (const void *data, int64_t len) (size_t data_len) {
    $1 = (void *)lua_tolstring(L, $input, &data_len);
    $2 = (int64_t)data_len;
}

%typemap(in, checkfn="lua_istable") struct texts {
    $1.n = (int64_t)lua_rawlen(L, $input);
    $1.data = lua_newuserdata(L, (size_t)($1.n + 1) * sizeof *$1.data);
    $1.len = lua_newuserdata(L, (size_t)($1.n + 1) * sizeof *$1.len);
    for (int64_t i = 0; i < $1.n; i++) {
        size_t one = 0;
        lua_rawgeti(L, $input, (lua_Integer)i + 1);
        $1.data[i] = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &one) : NULL;
        $1.len[i] = (int64_t)one;
        lua_pop(L, 1);
        if ($1.data[i] == NULL && !failed_with(L, "texts are a table of strings")) SWIG_fail;
    }
}

/* --- Arrays: tables of numbers, or tables of such, row by row. --- */

%{
enum { MOST_DIMENSIONS = 4 };
struct array { void *data; int64_t n, shape[MOST_DIMENSIONS]; int dimensions; char code; };

/* The shape by the first of each level; 1 beyond. */
static void array_measure(lua_State *L, int at, struct array *a)
{
    int top = lua_gettop(L);
    for (int i = 0; i < MOST_DIMENSIONS; i++) a->shape[i] = 1;
    lua_pushvalue(L, at);
    for (a->n = 1; a->dimensions < MOST_DIMENSIONS && lua_istable(L, -1); lua_rawgeti(L, -1, 1)) {
        a->shape[a->dimensions] = (int64_t)lua_rawlen(L, -1);
        a->n *= a->shape[a->dimensions++];
    }
    lua_settop(L, top);
}

static int array_put(lua_State *L, struct array *a, int64_t at)
{
    double number = lua_tonumber(L, -1);
    if (!lua_isnumber(L, -1)) return failed_with(L, "an array holds something that is no number");
    if (a->code == 'f') ((float *)a->data)[at] = (float)number;
    if (a->code == 'i') ((int32_t *)a->data)[at] = (int32_t)number;
    if (a->code != 'B') return 1;
    if (!(number >= 0 && number <= 255)) return failed_with(L, "pixels are 0 to 255");
    ((uint8_t *)a->data)[at] = (uint8_t)number;
    return 1;
}

/* The table on top into data from `at`; 0 with an error on top. */
static int array_fill(lua_State *L, struct array *a, int level, int64_t at)
{
    int64_t n = a->shape[level], step = 1;
    if (!lua_istable(L, -1) || (int64_t)lua_rawlen(L, -1) != n)
        return failed_with(L, "an array's rows are not all of one length");
    for (int i = level + 1; i < a->dimensions; i++) step *= a->shape[i];
    for (int64_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        int deeper = level + 1 < a->dimensions;
        if (deeper ? !array_fill(L, a, level + 1, at + i * step) : !array_put(L, a, at + i)) return 0;
        lua_pop(L, 1);
    }
    return 1;
}

/* code: 'f' float, 'B' uint8, 'i' int32. Leaves userdata on the stack; 0 with an error on top. */
static int array_open(lua_State *L, int at, char code, int least, int most, struct array *a)
{
    *a = (struct array){.code = code};
    array_measure(L, at, a);
    if (a->dimensions < least || a->dimensions > most || a->n == 0)
        return failed_with(L, a->n == 0 ? "an array is empty" : "an array has too few or too many dimensions");
    a->data = lua_newuserdata(L, (size_t)a->n * sizeof(float));
    lua_pushvalue(L, at);
    if (!array_fill(L, a, 0, 0)) return 0;
    lua_pop(L, 1);
    return 1;
}
%}

%typemap(in, checkfn="lua_istable") (const uint8_t *pixels, int64_t height, int64_t width, int64_t channels)
    (struct array a) {
    if (!array_open(L, $input, 'B', 2, 3, &a)) SWIG_fail;
    $1 = a.data;
    $2 = a.shape[0];
    $3 = a.shape[1];
    $4 = a.shape[2];
}
%typemap(in, checkfn="lua_istable") (const uint8_t *pixels, int64_t frames, int64_t height, int64_t width,
                                     int64_t channels) (struct array a) {
    if (!array_open(L, $input, 'B', 3, 4, &a)) SWIG_fail;
    $1 = a.data;
    $2 = a.shape[0];
    $3 = a.shape[1];
    $4 = a.shape[2];
    $5 = a.shape[3];
}
%typemap(in, checkfn="lua_istable") (const float *samples, int64_t steps, int64_t channels) (struct array a) {
    if (!array_open(L, $input, 'f', 1, 2, &a)) SWIG_fail;
    $1 = a.data;
    $2 = a.shape[0];
    $3 = a.shape[1];
}
%typemap(in, checkfn="lua_istable") struct floats (struct array a) {
    if (!array_open(L, $input, 'f', 1, 2, &a)) SWIG_fail;
    $1.data = a.data;
    $1.n = a.n;
}
%typemap(in, checkfn="lua_istable") struct ints (struct array a) {
    a = (struct array){.n = 0};
    if (lua_rawlen(L, $input) > 0 && !array_open(L, $input, 'i', 1, 1, &a)) SWIG_fail;
    $1.data = a.data;
    $1.n = a.n;
}
%typemap(arginit) struct floats "memset(&$1, 0, sizeof $1);"
%typemap(arginit) struct ints "memset(&$1, 0, sizeof $1);"

%define %numbers_out(TYPE, PUSH)
%typemap(in, numinputs=0) TYPE * (TYPE made = {NULL, 0}) "$1 = &made;"
%typemap(argout) TYPE * {
    lua_createtable(L, (int)$1->n, 0);
    for (int64_t i = 0; i < $1->n; i++) {
        PUSH(L, $1->data[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    SWIG_arg++;
}
%typemap(freearg) TYPE * "free(made$argnum.data);"
%enddef
%numbers_out(struct floats, lua_pushnumber)
%numbers_out(struct ints, lua_pushinteger)
%numbers_out(struct longs, lua_pushinteger)

/* --- Several examples at once --- */

%typemap(in, checkfn="lua_istable") (const pwy_example *const *examples, int64_t n, pwy_result **out)
    (pwy_result **results) {
    int64_t n = (int64_t)lua_rawlen(L, $input);
    const pwy_example **examples = lua_newuserdata(L, (size_t)(n + 1) * sizeof *examples);
    results = lua_newuserdata(L, (size_t)(n + 1) * sizeof *results);
    for (int64_t i = 0; i < n; i++) {
        void *example = NULL;
        lua_rawgeti(L, $input, (lua_Integer)i + 1);
        if (!SWIG_IsOK(SWIG_ConvertPtr(L, -1, &example, $descriptor(pwy_example *), 0))
            && !failed_with(L, "examples are a table of example")) SWIG_fail;
        examples[i] = example;
        lua_pop(L, 1);
    }
    $1 = (pwy_example **)examples;
    $2 = n;
    $3 = results;
}
%typemap(argout) (const pwy_example *const *examples, int64_t n, pwy_result **out) {
    lua_createtable(L, (int)$2, 0);
    for (int64_t i = 0; i < $2; i++) {
        SWIG_NewPointerObj(L, results$argnum[i], $descriptor(pwy_result *), 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    SWIG_arg++;
}

/* --- Callbacks: a function becomes a C function by a closure; all their calls go to call_lua. --- */

%{
/* What a function type passes on: all but the last argument, which is user; p is of the type named. */
struct callback_kind { const char *signature; swig_type_info **pointer; };
struct callback { const struct callback_kind *kind; lua_State *main; int function; };
struct call { const struct callback *callback; void *const *args; int32_t answer; };

static void push_argument(lua_State *L, const struct callback_kind *kind, char letter, void *at)
{
    switch (letter) {
    case 'i': lua_pushinteger(L, *(int32_t *)at); break;
    case 'l': lua_pushinteger(L, (lua_Integer)*(int64_t *)at); break;
    case 'd': lua_pushnumber(L, *(double *)at); break;
    case 's': lua_pushstring(L, *(const char **)at); break;
    default: SWIG_NewPointerObj(L, *(void **)at, *kind->pointer, 0); break;
    }
}

/* Runs protected: nothing that Lua raises may pass through the library. nil and false are 0, true is 1. */
static int call_protected(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    const struct callback_kind *kind = call->callback->kind;
    int n = (int)strlen(kind->signature) - 2;
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->callback->function);
    for (int i = 0; i < n; i++) push_argument(L, kind, kind->signature[i + 1], call->args[i]);
    lua_call(L, n, 1);
    call->answer = lua_isnumber(L, -1) ? (int32_t)lua_tointeger(L, -1) : lua_toboolean(L, -1);
    return 0;
}

static int is_pending(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pending);
    int is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

/* What the function raises waits in the registry for the call that brought us here. */
static void call_lua(void *const *args, void *ret, void *user)
{
    struct call call = {user, args, PWY_E_CALLBACK};
    lua_State *L = running != NULL ? running : call.callback->main;
    if (lua_checkstack(L, 4) && !is_pending(L)) {
        lua_pushcfunction(L, call_protected);
        lua_pushlightuserdata(L, &call);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_rawsetp(L, LUA_REGISTRYINDEX, &pending);
    }
    if (ret != NULL) *(int32_t *)ret = call.answer;
}

static void end_callback(void *user)
{
    struct callback *callback = user;
    luaL_unref(callback->main, LUA_REGISTRYINDEX, callback->function);
    free(callback);
}

/* The closure holds the function at `at` until it is freed. NULL with an error on top. */
static pwy_closure *callback_new(lua_State *L, int at, const struct callback_kind *kind)
{
    pwy_closure *closure = NULL;
    struct callback *callback = malloc(sizeof *callback);
    if (callback == NULL) return push_failure(L, PWY_E_NOMEM), NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    *callback = (struct callback){kind, lua_tothread(L, -1), LUA_NOREF};
    lua_pop(L, 1);
    lua_pushvalue(L, at);
    callback->function = luaL_ref(L, LUA_REGISTRYINDEX);
    pwy_status status = pwy_closure_new(kind->signature, call_lua, callback, end_callback, &closure);
    if (status != PWY_OK) push_failure(L, status);
    return closure;
}
%}

%define %function_from(TYPE, SIGNATURE, POINTER)
%typemap(in) (TYPE fn, void *user, pwy_destroy_fn destroy) {
    static const struct callback_kind kind = {SIGNATURE, POINTER};
    pwy_closure *closure = NULL;
    if (!lua_isnil(L, $input)) {
        if (!lua_isfunction(L, $input) && !failed_with(L, "a function is needed")) SWIG_fail;
        closure = callback_new(L, $input, &kind);
        if (closure == NULL) SWIG_fail;
    }
    $1 = ($1_ltype)pwy_closure_function(closure);
    $2 = closure;
    $3 = (pwy_destroy_fn)pwy_closure_free;
}
%enddef
%function_from(pwy_progress_fn, "ipp", &SWIGTYPE_p_pwy_progress)
%function_from(pwy_source_fn, "ilpp", &SWIGTYPE_p_pwy_example)
%function_from(pwy_log_fn, "visp", NULL)
