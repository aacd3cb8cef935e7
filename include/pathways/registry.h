/**
 * @file pathways/registry.h
 * The task registry: what is to be learned, through which senses, from which files.
 */
#ifndef PATHWAYS_REGISTRY_H
#define PATHWAYS_REGISTRY_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>
#include <pathways/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tasks by name, in the order in which they were added: a million are no burden (under 300 bytes each beside their
 *  names and labels, and none is read before it is asked for). Counted. One thread at a time while it is changed; then
 *  any number read it. */
typedef struct pwy_registry pwy_registry;
/** A task; borrowed from its registry, and lives as long, unless it is removed. */
typedef struct pwy_task pwy_task;

typedef enum pwy_task_kind {
    PWY_CLASSIFY = 0,      /**< one of several labels */
    PWY_MULTILABEL = 10,   /**< any number of labels */
    PWY_REGRESS = 20,      /**< a number */
    PWY_GENERATE = 30      /**< text: the part goes on, or the target is written */
} pwy_task_kind;
/** How far a task has come. A sealed one keeps its parts, labels, weight and metric: changing them is PWY_E_STATE. */
typedef enum pwy_task_state {
    PWY_TASK_OPEN = 0,     /**< not trained yet: it cannot be asked */
    PWY_TASK_TRAINED = 1,
    PWY_TASK_SEALED = 2    /**< trained, and kept for good to the bit */
} pwy_task_state;
typedef enum pwy_split { PWY_TRAIN = 0, PWY_VALID = 1, PWY_TEST = 2 } pwy_split;

/** An empty registry. @since 0.1 */
PWY_API pwy_status pwy_registry_new(pwy_context *context, pwy_registry **out);
PWY_API void pwy_registry_free(pwy_registry *registry);   /**< Lets go; NULL allowed. @since 0.1 */
/** Adds a task; task may be NULL. A name has 1 to 200 bytes without '/', '=', '*' and control characters.
 *  PWY_E_EXISTS when it is taken. @since 0.1 */
PWY_API pwy_status pwy_registry_add(pwy_registry *registry, const char *name, pwy_task_kind kind, pwy_task **task);
/** PWY_E_NOT_FOUND names the nearest. @since 0.1 */
PWY_API pwy_status pwy_registry_find(const pwy_registry *registry, const char *name, pwy_task **task);
/** Adds a task of another registry, as it is, with its sources. PWY_E_EXISTS: the name is taken. @since 0.1 */
PWY_API pwy_status pwy_registry_copy_task(pwy_registry *registry, const pwy_task *task);
PWY_API int64_t pwy_registry_count(const pwy_registry *registry);   /**< Tasks. @since 0.1 */
/** NULL out of range, or where the file it comes from is damaged there: pwy_error_message says how. @since 0.1 */
PWY_API pwy_task *pwy_registry_at(const pwy_registry *registry, int64_t index);
/** The tasks that fit all of a query, by index: `name`, `sense` (of any part), `state` ("open", "trained", "sealed"),
 *  `kind`, `label` (one that it has), each a text. query NULL, or empty: every task. Puts the first `room` of them that
 *  come behind index `after` (-1: from the start) into index, ascending, and their number into n; fewer than room:
 *  there are no more. To go on, ask again with after = index[n - 1]. By name, and by label in a file, costs what is
 *  found; the others look at every task's record, without reading the tasks. @since 0.1 */
PWY_API pwy_status pwy_registry_select(const pwy_registry *registry, const pwy_options *query, int64_t after,
                                       int64_t *index, int64_t room, int64_t *n);
/** Takes a task out: pointers to it end, and the indices of those behind it go down by one. A model's own registry is
 *  not to be changed. PWY_E_NOT_FOUND. @since 0.1 */
PWY_API pwy_status pwy_registry_remove(pwy_registry *registry, const char *name);
/** Gives a task another name, in its place. PWY_E_NOT_FOUND, PWY_E_EXISTS, PWY_E_ARGUMENT. @since 0.1 */
PWY_API pwy_status pwy_registry_rename(pwy_registry *registry, const char *name, const char *to);
/** Writes the tasks, without what they learned and without their rows' sources, as a file of their own, atomically.
 *  PWY_E_IO. @since 0.1 */
PWY_API pwy_status pwy_registry_save(const pwy_registry *registry, const char *path);
/** The tasks of a file that pwy_registry_save wrote, or of a model file, without opening the model. The file is mapped
 *  and a task read when it is asked for, so that a million open at once. PWY_E_NOT_FOUND, PWY_E_FORMAT. @since 0.1 */
PWY_API pwy_status pwy_registry_open(pwy_context *context, const char *path, pwy_registry **out);

PWY_API const char *pwy_task_name(const pwy_task *task);                                   /**< Borrowed. @since 0.1 */
PWY_API pwy_task_kind pwy_task_get_kind(const pwy_task *task);                             /**< @since 0.1 */
PWY_API pwy_task_state pwy_task_get_state(const pwy_task *task);                           /**< @since 0.1 */
PWY_API const char *pwy_task_state_name(pwy_task_state state);   /**< "sealed"; NULL for none. @since 0.1 */
PWY_API const char *pwy_task_kind_name(pwy_task_kind kind);   /**< "classify"; NULL for none. @since 0.1 */
/** "rank", "tag" and "embed" are PWY_E_UNSUPPORTED, other words PWY_E_ARGUMENT with the nearest. @since 0.1 */
PWY_API pwy_status pwy_task_kind_from_name(const char *name, pwy_task_kind *kind);
/** A part and its sense: "text", "image", "audio", "bytes", "table", "series"; "video" is PWY_E_UNSUPPORTED. A part
 *  cannot be called target, table, files or where. @since 0.1 */
PWY_API pwy_status pwy_task_add_part(pwy_task *task, const char *part, const char *sense);
/** The same with the part's own settings, as in a recipe ("record: 1024", "columns: [a, b]"). @since 0.1 */
PWY_API pwy_status pwy_task_add_part_with(pwy_task *task, const char *part, const char *sense,
                                          const pwy_options *settings);
/** One more of a fixed list of labels, in this order: rows with others are bad rows. Without a list the labels come
 *  from the training rows: in order of first appearance, or by value where all are numbers. @since 0.1 */
PWY_API pwy_status pwy_task_add_label(pwy_task *task, const char *label);
/** How often the task is drawn in training, beside its number of rows; 1 by default, finite and above 0.
 *  @since 0.1 */
PWY_API pwy_status pwy_task_set_weight(pwy_task *task, double weight);
/** classify: "accuracy" (default), "f1" (the mean of each label's F1); multilabel: "f1" (over all labels of all
 *  examples together); regress: "rmse" (default), "mae", "r2"; generate: "bits_per_byte". @since 0.1 */
PWY_API pwy_status pwy_task_set_metric(pwy_task *task, const char *metric);
/** Reads a split from a file or folder. target: the column that holds the answer, NULL where the form of the file
 *  says it, or where the last split that was read named it. options, NULL for none: `columns` (names for a file
 *  without a header line), `missing` (a text), `where` (a map: rows of a table by a column's value); or, with path
 *  NULL, what a recipe says instead of a path: `files` or a file for each part, where target is the `target` of that
 *  map unless it has one. Opens the file now: PWY_E_NOT_FOUND, PWY_E_FORMAT; the task is then as it was.
 *  @since 0.1 */
PWY_API pwy_status pwy_task_read(pwy_task *task, pwy_split split, const char *path, const char *target,
                                 const pwy_options *options);
/** Holds the source; an earlier one of that split is let go. @since 0.1 */
PWY_API pwy_status pwy_task_set_source(pwy_task *task, pwy_split split, pwy_source *source);
/** Borrowed; PWY_E_NOT_FOUND: none. @since 0.1 */
PWY_API pwy_status pwy_task_get_source(const pwy_task *task, pwy_split split, pwy_source **source);
PWY_API int64_t pwy_task_part_count(const pwy_task *task);                                 /**< @since 0.1 */
PWY_API const char *pwy_task_part_name(const pwy_task *task, int64_t index);   /**< NULL out of range. @since 0.1 */
PWY_API const char *pwy_task_part_sense(const pwy_task *task, int64_t index);   /**< NULL out of range. @since 0.1 */
/** Labels known so far: those added, or found when a model was made; a task of a model has all. @since 0.1 */
PWY_API int64_t pwy_task_label_count(const pwy_task *task);
PWY_API const char *pwy_task_label(const pwy_task *task, int64_t index);   /**< NULL out of range. @since 0.1 */

#ifdef __cplusplus
}
#endif
#endif
