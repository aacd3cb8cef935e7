/* Recipes: a YAML file that says what to learn, from which files. */
#ifndef PW_RECIPE_H
#define PW_RECIPE_H
#include "pathways/recipe.h"
#include "task/task.h"

struct pwy_recipe {
    pwy_registry *registry;                 /* counted */
    pwy_options model, train;               /* as they stand in the recipe, else empty; nodes know their lines */
};
/* recipe.c. options: `data`, `sources`, `only` (task names), `skip_unsupported`; NULL: none. */
pwy_status pw_recipe_read(pwy_context *ctx, const char *path, const struct pw_node *options, pwy_recipe **out);
void pw_recipe_release(pwy_recipe *recipe);                        /* NULL allowed */

/* words.c: puts environment variables in place of ${NAME} in every scalar below node. */
pwy_status pw_recipe_expand(struct pw_node *node);

/* task.c: adds one task of a recipe, whose map is expanded in place. PWY_E_UNSUPPORTED for its kind or a sense leaves
   the registry as it was; other failures may leave half a task, and the registry is of no use then. */
struct pw_recipe_place { const char *folder; bool sources; };
pwy_status pw_recipe_task(pwy_registry *r, const struct pw_recipe_place *place, const char *name, struct pw_node *map);
#endif
