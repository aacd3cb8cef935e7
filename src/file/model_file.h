/* A model as one safetensors file: docs/format.md. A checkpoint is the same with tensors of the trainer's behind. */
#ifndef PW_MODEL_FILE_H
#define PW_MODEL_FILE_H
#include "file/file.h"
#include "model/model.h"

enum { PW_FORMAT_VERSION = 2 };

/* extra: tensors written behind the model's own (a checkpoint's), n_extra of them. */
pwy_status pw_model_write(const pwy_model *m, const struct pw_tensor *extra, int64_t n_extra, pw_write_fn write,
                          void *arg);
/* Replaces the file as a whole. */
pwy_status pw_model_write_file(const pwy_model *m, const struct pw_tensor *extra, int64_t n_extra, const char *path);
pwy_status pw_model_write_memory(const pwy_model *m, struct pw_buf *out);

/* What files are made of; names are the caller's. */
pwy_status pw_config_json(const pwy_model *m, char **out);
struct pw_tensor pw_text_tensor(const char *name, const char *text);
struct pw_tensor pw_load_tensor(const pwy_model *m, int layer);
struct pw_tensor pw_param_tensor(const struct pw_param *p);
/* The tensors of a set's parameters; what is named or gathered for them is the list's. Freed also where it failed. */
struct pw_param_list { struct pw_tensor *list; int64_t n; struct pw_piece *piece; int64_t n_pieces; char **name;
    int n_names; };
pwy_status pw_param_list(const struct pw_params *set, struct pw_param_list *l);
void pw_param_list_free(struct pw_param_list *l);
/* tokenizers.c: of the vocabularies that `base` has not (NULL: of all); freed also where it failed. And back. */
struct pw_text_tensors { char **name, **text; int n; };
pwy_status pw_tokenizer_tensors(const pwy_model *m, const pwy_model *base, struct pw_text_tensors *out);
void pw_text_tensors_free(struct pw_text_tensors *l);
pwy_status pw_tokenizers_read(pwy_model *m, const struct pw_tensors *tensors, const char *name);
/* added.c: where the model grew from the one that is in the file, and its tasks are all there as they were, only what
   is new, as a delta; else as pw_model_write_file. */
pwy_status pw_model_write_added(const pwy_model *m, const char *path);

/* Weights are borrowed from `tensors`' memory, which must outlive the model, or copied when `own`. */
pwy_status pw_model_from_tensors(pwy_context *ctx, const struct pw_tensors *tensors, const char *name, bool own,
                                 pwy_model **out);
/* Maps the file; the model keeps the mapping. */
pwy_status pw_model_read_file(pwy_context *ctx, const char *path, pwy_model **out);
/* Folds the deltas beside it into the file, tasks and all. */
pwy_status pw_model_pack(const char *path);
/* Takes data (malloc'ed), also on failure. */
pwy_status pw_model_read_memory(pwy_context *ctx, char *data, size_t len, pwy_model **out);
/* A copy that may be written to, without the sources. */
pwy_status pw_model_copy(const pwy_model *m, pwy_model **out);

/* packed_file.c: the one or two tensors of a packed parameter; the names are the caller's, also on failure. */
pwy_status pw_packed_list(const struct pw_param *p, struct pw_tensor *out, int *n);
bool pw_is_packed(const struct pw_tensor *t);
pwy_status pw_packed_bring(struct pw_params *set, const struct pw_tensors *tensors, const struct pw_tensor *t,
                           bool own);
/* A copy with the trunk's matrices packed, for inference alone. */
pwy_status pw_model_quantize(const pwy_model *m, enum pw_form form, pwy_model **out);
#endif
