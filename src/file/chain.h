/* A model's files: the base at PATH and what was added to it since, PATH.delta1, PATH.delta2, ... Each is a safetensors
   file of its own whose metadata says which delta it is (`delta`), of which base (`base`: the digest of that one's
   header) and what it extends (`extends`: the digest of the header before it). docs/format.md has the rules. */
#ifndef PW_CHAIN_H
#define PW_CHAIN_H
#include "file/verify.h"
#include "sys/file.h"

#define PW_REGISTRY "pathways.registry."    /* how the names of those tensors begin that hold a file's own tasks */

struct pw_link { char *path; struct pw_mapping map; struct pw_tensors *tensors; };
struct pw_chain {
    char *path;                         /* of the base, behind symbolic links */
    struct pw_link *link; int n;        /* [0]: the base */
    struct pw_tensors *all;             /* base and deltas as one: the base's own where it is alone */
    char *ignored;                      /* a delta of another base, which was left out; NULL: none */
};

/* Maps base and deltas; nothing but headers is read. PWY_E_FORMAT: a damaged header, or a delta of this base that does
   not fit, or one that is missing between two. */
pwy_status pw_chain_open(const char *path, struct pw_chain **out);
void pw_chain_free(struct pw_chain *c);                             /* unmaps; NULL allowed */
const char *pw_chain_tip(const struct pw_chain *c);                 /* digest of the last header; "" without digests */
bool pw_chain_holds(const struct pw_chain *c, const void *data);    /* whether it points into one of the mappings */

/* Adds the next delta, with these tensors alone: one whose name is there already takes that one's place; one named
   NAME+FIRST holds slices FIRST, ... of NAME's first axis, behind those that are there. tip: what the caller took for
   the last header (NULL: any); PWY_E_STATE when another was added since, or someone is writing. All of it is there
   afterwards, or nothing. *number: of the delta. NULL allowed. */
pwy_status pw_delta_write(const char *path, const char *tip, const struct pw_tensor *list, int64_t n, int *number);
/* Folds the deltas into the base, atomically. Nothing to do: PWY_OK. own (NULL: nothing): puts what stands in place of
   the files' own tasks, PW_OWN_TENSORS at most, into list and says how many; they must live until this is over. */
enum { PW_OWN_TENSORS = 8 };
typedef pwy_status (*pw_own_fn)(void *arg, const struct pw_chain *c, struct pw_tensor *list, int64_t *n);
pwy_status pw_chain_pack(const char *path, pw_own_fn own, void *arg);
/* Takes deltas 1..n of a base that was replaced away, the last first; under the lock of its writer. path: behind
   symbolic links. */
void pw_deltas_remove(const char *path, int n);
int pw_deltas_count(const char *path);                              /* files of those names, one behind the other */
/* Every byte of base and deltas. Deltas of other bases are not looked at beyond their header. */
pwy_status pw_chain_verify(const char *path, pw_damage_fn tell, void *arg, int64_t *n_damaged);
pwy_status pw_write_to_fd(void *fd, const void *data, size_t len);      /* a pw_write_fn: into the int at fd */

/* --- merge.c --- */
/* Puts a delta's tensors into `all`, whose names stay where they are, but for those that are each file's own: digests
   and tasks. name: the delta's, in messages. */
pwy_status pw_tensors_merge(struct pw_tensors *all, const struct pw_tensor *list, int64_t n, const char *name);
/* A list of its own with the tensors of `base`, to merge into. */
pwy_status pw_tensors_view(const struct pw_tensors *base, struct pw_tensors **out);
bool pw_is_files_own(const char *name);                             /* digests and tasks */
#endif
