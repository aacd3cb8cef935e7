/* pathways/recipe.h. */
#include "api/check.h"
#include "recipe/recipe.h"

pwy_status pwy_recipe_open(pwy_context *context, const char *path, const pwy_options *options, pwy_recipe **out)
{
    PW_GIVEN(path);
    PW_GIVEN(out);
    return pw_recipe_read(context, path, options != NULL ? options->map : NULL, out);
}

void pwy_recipe_free(pwy_recipe *recipe)
{
    pw_recipe_release(recipe);
}

pwy_registry *pwy_recipe_registry(const pwy_recipe *recipe)
{
    return recipe != NULL ? recipe->registry : NULL;
}

const pwy_options *pwy_recipe_model_options(const pwy_recipe *recipe)
{
    return recipe != NULL ? &recipe->model : NULL;
}

pwy_options *pwy_recipe_train_options(pwy_recipe *recipe)
{
    return recipe != NULL ? &recipe->train : NULL;
}
