/**
 * @file pathways/recipe.h
 * What to learn, from which files, in one YAML file.
 */
#ifndef PATHWAYS_RECIPE_H
#define PATHWAYS_RECIPE_H
#include <pathways/status.h>
#include <pathways/options.h>
#include <pathways/context.h>
#include <pathways/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A recipe that was read, with its tasks set up. One thread at a time. docs/recipe.md has every word. */
typedef struct pwy_recipe pwy_recipe;

/** Reads a recipe and opens its files. Options: `data` (the folder that paths start from, in place of the recipe's
 *  own `data:`), `sources` (true: open the files; false: only the words), `only` (a list of tasks' names: the others
 *  are not even looked at), `skip_unsupported` (false; true: a task of a kind or sense that this build cannot do is
 *  left out, with a warning to the context's log, instead of PWY_E_UNSUPPORTED). Errors name the file, the line and
 *  the nearest word. Where a task says nothing of its validation, a tenth of its training rows is kept for it.
 *  @since 0.1 */
PWY_API pwy_status pwy_recipe_open(pwy_context *context, const char *path, const pwy_options *options,
                                   pwy_recipe **out);
PWY_API void pwy_recipe_free(pwy_recipe *recipe);   /**< NULL allowed. @since 0.1 */
PWY_API pwy_registry *pwy_recipe_registry(const pwy_recipe *recipe);                       /**< Borrowed. @since 0.1 */
/** Borrowed; for pwy_model_new. @since 0.1 */
PWY_API const pwy_options *pwy_recipe_model_options(const pwy_recipe *recipe);
/** Borrowed; for pwy_trainer_new; may be set on. @since 0.1 */
PWY_API pwy_options *pwy_recipe_train_options(pwy_recipe *recipe);

#ifdef __cplusplus
}
#endif
#endif
