/* How values cross between Python and C. */

%define %long_call(NAME)
%exception NAME {
    Py_BEGIN_ALLOW_THREADS
    $action
    Py_END_ALLOW_THREADS
}
%enddef

/* --- Errors: pathways._errors.failure makes the exception. One that a callback raised goes before. --- */

%{
static PyObject *text_or_none(const char *text)
{
    if (text == NULL) Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* The exception for a status with what the thread's last error says, if that is what it is about. */
static PyObject *make_failure(PyObject *errors, pwy_status status)
{
    pwy_error *last = pwy_error_last();
    int about = last != NULL && pwy_error_status(last) == status;
    PyObject *made = PyObject_CallMethod(
        errors, "failure", "iNNLN", (int)status,
        text_or_none(about ? pwy_error_text(last) : pwy_status_name(status)),
        text_or_none(about ? pwy_error_file(last) : NULL),
        about ? (long long)pwy_error_line(last) : 0LL,
        text_or_none(about ? pwy_error_task(last) : NULL));
    pwy_error_free(last);
    return made;
}

static void raise_failure(pwy_status status)
{
    PyObject *errors, *made;
    if (PyErr_Occurred()) return;
    errors = PyImport_ImportModule("pathways._errors");
    if (errors == NULL) return;
    made = make_failure(errors, status);
    Py_DECREF(errors);
    if (made == NULL) return;
    PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_DECREF(made);
}
%}

%typemap(out) pwy_status {
    if ($1 != PWY_OK || PyErr_Occurred()) {
        raise_failure($1);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}

/* --- What C writes through pointers is returned. Handles are the caller's, but for those that are borrowed. --- */

%typemap(in, numinputs=0) SWIGTYPE **out ($*1_ltype made = NULL) "$1 = &made;"
%typemap(argout) SWIGTYPE **out {
    $result = SWIG_Python_AppendOutput($result, SWIG_NewPointerObj(*$1, $*1_descriptor, SWIG_POINTER_OWN));
}
%typemap(in, numinputs=0) SWIGTYPE **BORROWED ($*1_ltype found = NULL) "$1 = &found;"
%typemap(argout) SWIGTYPE **BORROWED {
    $result = SWIG_Python_AppendOutput($result, SWIG_NewPointerObj(*$1, $*1_descriptor, 0));
}
%apply SWIGTYPE **BORROWED { pwy_task **task, pwy_source **source };

%typemap(in, numinputs=0) char **OWNED (char *made = NULL) "$1 = &made;"
%typemap(argout) char **OWNED {
    $result = SWIG_Python_AppendOutput($result, text_or_none(*$1));
    pwy_text_free(*$1);
}
%apply char **OWNED { char **json, char **yaml, char **hex };

%typemap(in, numinputs=0) (char **text, int64_t *len) (char *made = NULL, int64_t made_len = 0)
    "$1 = &made; $2 = &made_len;"
%typemap(argout) (char **text, int64_t *len) {
    $result = SWIG_Python_AppendOutput($result, PyBytes_FromStringAndSize(*$1, (Py_ssize_t)*$2));
    pwy_text_free(*$1);
}

%typemap(in, numinputs=0) const char **text (const char *piece = NULL) "$1 = (char **)&piece;"
%typemap(argout) const char **text {
    $result = SWIG_Python_AppendOutput($result, text_or_none(*$1));
}

%include <typemaps.i>
%apply double *OUTPUT { double *loss, double *balance, double *zloss, double *entropy, double *max_violation,
                        double *met, double *overlap };
%apply int *OUTPUT { int *done };
%apply long long *OUTPUT { int64_t *index, int64_t *dropped };

%typemap(in, numinputs=0) pwy_task_kind *kind (pwy_task_kind read) "$1 = &read;"
%typemap(argout) pwy_task_kind *kind {
    $result = SWIG_Python_AppendOutput($result, PyLong_FromLong(*$1));
}

/* --- Text with its length: str or bytes. --- */

%{
/* str as UTF-8, bytes as they are; borrowed from the object. */
static const char *text_of(PyObject *from, int64_t *len)
{
    Py_ssize_t n = 0;
    char *text = NULL;
    if (PyUnicode_Check(from)) {
        text = (char *)PyUnicode_AsUTF8AndSize(from, &n);
    } else if (!PyBytes_Check(from)) {
        PyErr_Format(PyExc_TypeError, "a text is str or bytes, not %.100s", Py_TYPE(from)->tp_name);
    } else if (PyBytes_AsStringAndSize(from, &text, &n) < 0) {
        return NULL;
    }
    *len = n;
    return text;
}
%}

%typemap(in) (const char *text, int64_t len) (int64_t text_len = 0) {
    $1 = (char *)text_of($input, &text_len);
    if ($1 == NULL) SWIG_fail;
    $2 = text_len;
}

%typemap(in) (const char *json, int64_t len) = (const char *text, int64_t len);

%{
/* items: a list or tuple of str or bytes, which keeps the texts. */
static int texts_open(PyObject *items, struct texts *t)
{
    t->n = PySequence_Fast_GET_SIZE(items);
    t->data = PyMem_Calloc((size_t)t->n + 1, sizeof *t->data);
    t->len = PyMem_Calloc((size_t)t->n + 1, sizeof *t->len);
    if (t->data == NULL || t->len == NULL) return PyErr_NoMemory(), 0;
    for (int64_t i = 0; i < t->n; i++) {
        t->data[i] = text_of(PySequence_Fast_GET_ITEM(items, i), &t->len[i]);
        if (t->data[i] == NULL) return 0;
    }
    return 1;
}
%}

%typemap(in) struct texts (PyObject *items = NULL) {
    items = PySequence_Fast($input, "texts are a sequence of str or bytes");
    if (items == NULL || !texts_open(items, &$1)) SWIG_fail;
}
%typemap(arginit) struct texts "memset(&$1, 0, sizeof $1);"
%typemap(freearg) struct texts {
    PyMem_Free($1.data);
    PyMem_Free($1.len);
    Py_XDECREF(items$argnum);
}

/* --- Arrays: anything with the buffer protocol, of any layout and of any number type. --- */

%{
/* What a call reads: the buffer itself where it is of the type wanted and in one piece, else a copy. */
struct array { Py_buffer view; int open; void *whole, *copy; const void *data; int64_t n; };

#define CONVERT(code, type) case code: for (int64_t i = 0; i < n; i++) to[i] = (float)((const type *)from)[i]; return 1

/* n numbers of a format to floats; 0 where it is none of numbers. */
static int to_floats(char format, const void *from, int64_t n, float *to)
{
    switch (format) {
    CONVERT('f', float);
    CONVERT('d', double);
    CONVERT('b', signed char);
    CONVERT('B', unsigned char);
    CONVERT('?', unsigned char);
    CONVERT('h', short);
    CONVERT('H', unsigned short);
    CONVERT('i', int);
    CONVERT('I', unsigned);
    CONVERT('l', long);
    CONVERT('L', unsigned long);
    CONVERT('q', long long);
    CONVERT('Q', unsigned long long);
    default: return 0;
    }
}

/* The letter of a native format; 0 for others. */
static char format_of(const Py_buffer *view)
{
    const char *format = view->format == NULL ? "B" : view->format;
    if (format[0] == '@' || format[0] == '=' || (PY_LITTLE_ENDIAN && format[0] == '<')) format++;
    return format[0] != '\0' && format[1] == '\0' ? format[0] : '\0';
}

static int array_gather(struct array *a)
{
    a->data = a->view.buf;
    if (PyBuffer_IsContiguous(&a->view, 'C')) return 1;
    a->whole = PyMem_Malloc((size_t)a->view.len + 1);
    if (a->whole == NULL) return PyErr_NoMemory(), 0;
    a->data = a->whole;
    return PyBuffer_ToContiguous(a->whole, &a->view, a->view.len, 'C') == 0;
}

static int array_convert(struct array *a, char want)
{
    char format = format_of(&a->view);
    if (format == want || want == 0) return 1;
    if (want == 'f') {
        a->copy = PyMem_Malloc((size_t)a->n * sizeof(float) + 1);
        if (a->copy == NULL) return PyErr_NoMemory(), 0;
        a->data = a->copy;
        if (to_floats(format, a->whole != NULL ? a->whole : a->view.buf, a->n, a->copy)) return 1;
    }
    PyErr_Format(PyExc_ValueError, "an array of format '%.20s'; %s would be right", a->view.format,
                 want == 'f' ? "one of numbers" : want == 'B' ? "uint8" : "int32");
    return 0;
}

/* want: 'f' float, 'B' uint8, 'i' int32, 0 bytes as they are. array_close ends it, also when this fails. */
static int array_open(PyObject *from, char want, struct array *a)
{
    memset(a, 0, sizeof *a);
    if (PyObject_GetBuffer(from, &a->view, PyBUF_FULL_RO) < 0) return 0;
    a->open = 1;
    a->n = a->view.itemsize > 0 ? a->view.len / a->view.itemsize : 0;
    return array_gather(a) && array_convert(a, want);
}

static void array_close(struct array *a)
{
    PyMem_Free(a->whole);
    PyMem_Free(a->copy);
    if (a->open) PyBuffer_Release(&a->view);
}

/* The array's shape, filled up with 1 on the right. */
static int array_shape(const struct array *a, int least, int most, int64_t *shape)
{
    if (a->view.ndim < least || a->view.ndim > most) {
        PyErr_Format(PyExc_ValueError, "an array of %d dimensions; %d to %d would be right", a->view.ndim, least, most);
        return 0;
    }
    for (int i = 0; i < most; i++) shape[i] = i < a->view.ndim ? (int64_t)a->view.shape[i] : 1;
    return 1;
}
%}

%typemap(in) (const void *data, int64_t len) (struct array a) {
    if (!array_open($input, 0, &a)) SWIG_fail;
    $1 = (void *)a.data;
    $2 = a.view.len;
}
%typemap(in) (const uint8_t *pixels, int64_t height, int64_t width, int64_t channels) (struct array a,
                                                                                       int64_t shape[3]) {
    if (!array_open($input, 'B', &a) || !array_shape(&a, 2, 3, shape)) SWIG_fail;
    $1 = (uint8_t *)a.data;
    $2 = shape[0];
    $3 = shape[1];
    $4 = shape[2];
}
%typemap(in) (const uint8_t *pixels, int64_t frames, int64_t height, int64_t width, int64_t channels)
    (struct array a, int64_t shape[4]) {
    if (!array_open($input, 'B', &a) || !array_shape(&a, 3, 4, shape)) SWIG_fail;
    $1 = (uint8_t *)a.data;
    $2 = shape[0];
    $3 = shape[1];
    $4 = shape[2];
    $5 = shape[3];
}
%typemap(in) (const float *samples, int64_t steps, int64_t channels) (struct array a, int64_t shape[2]) {
    if (!array_open($input, 'f', &a) || !array_shape(&a, 1, 2, shape)) SWIG_fail;
    $1 = (float *)a.data;
    $2 = shape[0];
    $3 = shape[1];
}
%typemap(in) struct floats (struct array a) {
    if (!array_open($input, 'f', &a)) SWIG_fail;
    $1.data = (float *)a.data;
    $1.n = a.n;
}
%typemap(in) struct ints (struct array a) {
    if (!array_open($input, 'i', &a)) SWIG_fail;
    $1.data = (int32_t *)a.data;
    $1.n = a.n;
}
%define %array_ends(ARGUMENT)
%typemap(arginit) ARGUMENT "memset(&a$argnum, 0, sizeof a$argnum);"
%typemap(freearg) ARGUMENT "array_close(&a$argnum);"
%enddef
%array_ends((const void *data, int64_t len))
%array_ends((const uint8_t *pixels, int64_t height, int64_t width, int64_t channels))
%array_ends((const uint8_t *pixels, int64_t frames, int64_t height, int64_t width, int64_t channels))
%array_ends((const float *samples, int64_t steps, int64_t channels))
%array_ends(struct floats)
%array_ends(struct ints)

/* Numbers on their way out: bytes, which memoryview casts. */
%define %numbers_out(TYPE)
%typemap(in, numinputs=0) TYPE * (TYPE made = {NULL, 0}) "$1 = &made;"
%typemap(argout) TYPE * {
    $result = SWIG_Python_AppendOutput($result, PyBytes_FromStringAndSize(
        (const char *)$1->data, (Py_ssize_t)((size_t)$1->n * sizeof *$1->data)));
}
%typemap(freearg) TYPE * "free(made$argnum.data);"
%enddef
%numbers_out(struct floats)
%numbers_out(struct ints)
%numbers_out(struct longs)

/* --- Several examples at once. --- */

%{
struct batch { const pwy_example **examples; pwy_result **results; int64_t n; };

static int batch_open(PyObject *items, swig_type_info *type, struct batch *b)
{
    b->n = PySequence_Fast_GET_SIZE(items);
    b->examples = PyMem_Calloc((size_t)b->n + 1, sizeof *b->examples);
    b->results = PyMem_Calloc((size_t)b->n + 1, sizeof *b->results);
    if (b->examples == NULL || b->results == NULL) return PyErr_NoMemory(), 0;
    for (int64_t i = 0; i < b->n; i++) {
        void *example = NULL;
        if (!SWIG_IsOK(SWIG_ConvertPtr(PySequence_Fast_GET_ITEM(items, i), &example, type, 0)))
            return PyErr_SetString(PyExc_TypeError, "examples are a sequence of example"), 0;
        b->examples[i] = example;
    }
    return 1;
}

static PyObject *batch_results(struct batch *b, swig_type_info *type)
{
    PyObject *list = PyList_New((Py_ssize_t)b->n);
    for (int64_t i = 0; list != NULL && i < b->n; i++)
        PyList_SET_ITEM(list, (Py_ssize_t)i, SWIG_InternalNewPointerObj(b->results[i], type, SWIG_POINTER_OWN));
    return list;
}
%}

%typemap(in) (const pwy_example *const *examples, int64_t n, pwy_result **out) (PyObject *items = NULL,
                                                                               struct batch b = {NULL, NULL, 0}) {
    items = PySequence_Fast($input, "examples are a sequence");
    if (items == NULL || !batch_open(items, $descriptor(pwy_example *), &b)) SWIG_fail;
    $1 = (pwy_example **)b.examples;
    $2 = b.n;
    $3 = b.results;
}
%typemap(argout) (const pwy_example *const *examples, int64_t n, pwy_result **out) {
    $result = SWIG_Python_AppendOutput($result, batch_results(&b$argnum, $descriptor(pwy_result *)));
}
%typemap(freearg) (const pwy_example *const *examples, int64_t n, pwy_result **out) {
    PyMem_Free(b$argnum.examples);
    PyMem_Free(b$argnum.results);
    Py_XDECREF(items$argnum);
}

/* --- Callbacks: a callable becomes a C function by a closure; all their calls go to call_python. --- */

%{
/* What a function type passes on: all but the last argument, which is user; p is of the type named. */
struct callback_kind { const char *signature; swig_type_info **pointer; };
struct callback { const struct callback_kind *kind; PyObject *callable; };

static PyObject *argument(const struct callback_kind *kind, char letter, void *at)
{
    switch (letter) {
    case 'i': return PyLong_FromLong(*(int32_t *)at);
    case 'l': return PyLong_FromLongLong(*(int64_t *)at);
    case 'd': return PyFloat_FromDouble(*(double *)at);
    case 's': return text_or_none(*(const char **)at);
    default: return SWIG_InternalNewPointerObj(*(void **)at, *kind->pointer, 0);
    }
}

static PyObject *arguments(const struct callback_kind *kind, void *const *args)
{
    Py_ssize_t n = (Py_ssize_t)strlen(kind->signature) - 2;
    PyObject *all = PyTuple_New(n);
    for (Py_ssize_t i = 0; all != NULL && i < n; i++) {
        PyObject *one = argument(kind, kind->signature[i + 1], args[i]);
        if (one == NULL) Py_CLEAR(all);
        else PyTuple_SET_ITEM(all, i, one);
    }
    return all;
}

/* None is 0; a failure is PWY_E_CALLBACK, and its exception stays set for the call that brought us here. */
static int32_t answer(PyObject *value)
{
    long number = value == NULL || value == Py_None ? 0 : PyLong_AsLong(value);
    return PyErr_Occurred() ? PWY_E_CALLBACK : (int32_t)number;
}

/* The library calls on the thread that called in, with or without the lock. */
static void call_python(void *const *args, void *ret, void *user)
{
    struct callback *callback = user;
    PyGILState_STATE lock = PyGILState_Ensure();
    int failed_before = PyErr_Occurred() != NULL;
    PyObject *all = failed_before ? NULL : arguments(callback->kind, args);
    PyObject *value = all == NULL ? NULL : PyObject_Call(callback->callable, all, NULL);
    if (ret != NULL) *(int32_t *)ret = answer(value);
    else if (PyErr_Occurred() && !failed_before) PyErr_WriteUnraisable(callback->callable);
    Py_XDECREF(value);
    Py_XDECREF(all);
    PyGILState_Release(lock);
}

static void end_callback(void *user)
{
    struct callback *callback = user;
    PyGILState_STATE lock = PyGILState_Ensure();
    Py_DECREF(callback->callable);
    PyGILState_Release(lock);
    free(callback);
}

/* The closure holds the callable until it is freed. NULL with an exception set: not one, or no memory. */
static pwy_closure *callback_new(PyObject *callable, const struct callback_kind *kind)
{
    pwy_closure *closure = NULL;
    struct callback *callback;
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "a function is needed, not %.100s", Py_TYPE(callable)->tp_name);
        return NULL;
    }
    callback = malloc(sizeof *callback);
    if (callback == NULL) return PyErr_NoMemory(), NULL;
    *callback = (struct callback){kind, callable};
    Py_INCREF(callable);
    pwy_status status = pwy_closure_new(kind->signature, call_python, callback, end_callback, &closure);
    if (status != PWY_OK) raise_failure(status);
    return closure;
}
%}

%define %function_from(TYPE, SIGNATURE, POINTER)
%typemap(in) (TYPE fn, void *user, pwy_destroy_fn destroy) {
    static const struct callback_kind kind = {SIGNATURE, POINTER};
    pwy_closure *closure = NULL;
    if ($input != Py_None) {
        closure = callback_new($input, &kind);
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
