/* The C API, nearly as it is, for every language: pwy_model_new(registry, options, &out) is model_new(registry,
   options), which returns what C writes through pointers. What failed is raised as the language raises. Handles
   end with the language's collector. Each language's typemaps.i says how values cross; the pleasant layer is in
   its own folder. */
#ifdef SWIGPYTHON
%module(package="pathways") _pathways
#else
%module pathways_core
#endif

%{
#include <pathways/pathways.h>
#ifdef HAVE_MEDIA
#include <pathways/media.h>
#endif

/* Numbers that cross as a whole: borrowed on the way in, malloc'ed on the way out. */
struct floats { float *data; int64_t n; };
struct ints { int32_t *data; int64_t n; };
struct longs { int64_t *data; int64_t n; };
struct texts { const char **data; int64_t *len; int64_t n; };
%}

#define PWY_API
%include <stdint.i>

#ifdef SWIGPYTHON
%include "python/typemaps.i"
#else
%include "lua/typemaps.i"
#endif

%rename("%(strip:[pwy_])s") "";
%rename("%(strip:[PWY_])s", %$isenumitem) "";

/* A handle that the caller frees: the collector does. */
%define %handle(NAME)
%nodefaultctor NAME;
%ignore NAME##_free;
typedef struct NAME {
    %extend { ~NAME() { NAME##_free($self); } }
} NAME;
%enddef
/* A handle that lives as long as something else. */
%define %borrowed(NAME)
%nodefaultctor NAME;
%nodefaultdtor NAME;
typedef struct NAME { } NAME;
%enddef

%handle(pwy_context)
%handle(pwy_options)
%handle(pwy_example)
%handle(pwy_source)
%handle(pwy_registry)
%handle(pwy_tokenizer)
%handle(pwy_detokenizer)
%handle(pwy_router)
%handle(pwy_model)
%handle(pwy_trainer)
%handle(pwy_session)
%handle(pwy_result)
%handle(pwy_which)
%handle(pwy_score)
%handle(pwy_recipe)
%handle(pwy_continual)
%handle(pwy_routes)
%handle(pwy_record)
%borrowed(pwy_task)
%borrowed(pwy_progress)

/* Other threads of the language run meanwhile. */
%long_call(pwy_model_new)
%long_call(pwy_model_open)
%long_call(pwy_model_save)
%long_call(pwy_model_pack)
%long_call(model_verify)
%long_call(model_extract)
%long_call(pwy_model_seal)
%long_call(pwy_model_save_added)
%long_call(pwy_model_forget)
%long_call(pwy_model_prune)
%long_call(pwy_model_grow)
%long_call(pwy_model_rename)
%long_call(pwy_model_merge)
%long_call(pwy_model_check)
%long_call(pwy_trainer_add)
%long_call(pwy_registry_open)
%long_call(pwy_registry_save)
%long_call(pwy_trainer_new)
%long_call(pwy_trainer_run)
%long_call(pwy_trainer_step)
%long_call(pwy_trainer_learn)
%long_call(pwy_trainer_learn)
%long_call(pwy_trainer_model)
%long_call(pwy_trainer_save)
%long_call(pwy_trainer_open)
%long_call(pwy_session_predict)
%long_call(pwy_session_predict_batch)
%long_call(pwy_session_evaluate)
%long_call(pwy_session_which)
%long_call(pwy_task_read)
%long_call(pwy_recipe_open)
%long_call(tokenizer_train)
%long_call(pwy_bench_run)
%long_call(pwy_source_read)

/* Errors are raised with all that these say; texts are freed here; closures are how callbacks cross, see typemaps.i. */
%ignore pwy_error_message;
%ignore pwy_error_last;
%ignore pwy_error_status;
%ignore pwy_error_text;
%ignore pwy_error_file;
%ignore pwy_error_line;
%ignore pwy_error_task;
%ignore pwy_error_free;
%ignore pwy_text_free;
%ignore pwy_closure_new;
%ignore pwy_closure_function;
%ignore pwy_closure_free;
%ignore pwy_context_add_decoder;
%ignore pwy_model_open_memory;
%ignore pwy_model_save_memory;
/* Below, with their arrays' lengths. */
%ignore pwy_registry_select;
%ignore pwy_model_extract;
%ignore pwy_record_counts;
%ignore pwy_router_route;
%ignore pwy_router_backward;
%ignore pwy_router_load;
%ignore pwy_router_set_candidates;
%ignore pwy_router_set_function;
%ignore pwy_context_set_router;
%ignore pwy_router_route_keys;
%ignore pwy_router_pairs;
%ignore pwy_router_biases;
%ignore pwy_model_verify;
%ignore pwy_tokenizer_train;
%ignore pwy_tokenizer_encode;
%ignore pwy_tokenizer_decode;

%include <pathways/status.h>
%include <pathways/options.h>
%include <pathways/example.h>
%include <pathways/context.h>
%include <pathways/source.h>
%include <pathways/registry.h>
%include <pathways/tokenizer.h>
%include <pathways/router.h>
%include <pathways/model.h>
%include <pathways/trainer.h>
%include <pathways/session.h>
%include <pathways/pathway.h>
%include <pathways/continual.h>
%include <pathways/routes.h>
%include <pathways/recipe.h>
%include <pathways/bench.h>
%include <pathways/version.h>

%{
/* Room for n items, at least one; NULL when there is none. */
static void *room(int64_t n, size_t size)
{
    return calloc(n > 0 ? (size_t)n : 1, size);
}
%}

%inline %{
/* PNG and JPEG, where this build has them. */
static pwy_status context_add_media(pwy_context *context)
{
#ifdef HAVE_MEDIA
    return pwy_media_register(context);
#else
    (void)context;
    return PWY_OK;
#endif
}

/* logits (n, experts) to chosen and gates (n, topk): experts and topk as the router was made. */
static pwy_status router_route(pwy_router *router, struct floats logits, int64_t experts, int64_t topk,
                               struct ints *chosen, struct floats *gates)
{
    int64_t n = experts > 0 ? logits.n / experts : 0;
    chosen->data = room(n * topk, sizeof *chosen->data);
    gates->data = room(n * topk, sizeof *gates->data);
    if (chosen->data == NULL || gates->data == NULL) return PWY_E_NOMEM;
    chosen->n = gates->n = n * topk;
    return pwy_router_route(router, n, logits.data, chosen->data, gates->data);
}

/* dgates (n, topk) to dlogits (n, experts) of the last routing, of n_logits numbers. */
static pwy_status router_backward(pwy_router *router, struct floats dgates, int64_t n_logits, struct floats *dlogits)
{
    dlogits->data = room(n_logits, sizeof *dlogits->data);
    if (dlogits->data == NULL) return PWY_E_NOMEM;
    dlogits->n = n_logits;
    return pwy_router_backward(router, dgates.data, dlogits->data);
}

static pwy_status router_load(pwy_router *router, int64_t experts, struct longs *counts)
{
    counts->data = room(experts, sizeof *counts->data);
    if (counts->data == NULL) return PWY_E_NOMEM;
    counts->n = experts;
    return pwy_router_load(router, counts->data);
}

/* experts: of the largest layer. task NULL: of all tasks. */
static pwy_status record_counts(const pwy_record *record, const char *task, int64_t layer, int64_t experts,
                                struct longs *counts)
{
    counts->data = room(experts, sizeof *counts->data);
    if (counts->data == NULL) return PWY_E_NOMEM;
    counts->n = experts;
    return pwy_record_counts(record, task, layer, counts->data);
}

/* The message of the error names what differs. */
static pwy_status model_verify(pwy_context *context, const char *path)
{
    return pwy_model_verify(context, path, NULL, NULL);
}

static pwy_status model_extract(const pwy_model *model, struct texts names, pwy_model **out)
{
    return pwy_model_extract(model, names.data, names.n, out);
}

/* At most room_for of the tasks that fit behind index after. */
static pwy_status registry_select(const pwy_registry *registry, const pwy_options *query, int64_t after,
                                  int64_t room_for, struct longs *found)
{
    found->data = room(room_for, sizeof *found->data);
    if (found->data == NULL) return PWY_E_NOMEM;
    return pwy_registry_select(registry, query, after, found->data, room_for, &found->n);
}

static pwy_status tokenizer_train(struct texts texts, int64_t vocab, pwy_tokenizer **out)
{
    return pwy_tokenizer_train(texts.data, texts.len, texts.n, vocab, out);
}

static pwy_status tokenizer_encode(const pwy_tokenizer *tokenizer, const char *text, int64_t len, struct ints *ids)
{
    pwy_status status = pwy_tokenizer_encode(tokenizer, text, len, NULL, 0, &ids->n);
    if (status != PWY_OK) return status;
    ids->data = room(ids->n, sizeof *ids->data);
    if (ids->data == NULL) return PWY_E_NOMEM;
    return pwy_tokenizer_encode(tokenizer, text, len, ids->data, ids->n, &ids->n);
}

static pwy_status tokenizer_decode(const pwy_tokenizer *tokenizer, struct ints ids, char **text, int64_t *len)
{
    return pwy_tokenizer_decode(tokenizer, ids.data, ids.n, text, len);
}
%}
