/* pathways/continual.h: checks arguments, calls down. */
#include <math.h>
#include <string.h>
#include "api/check.h"
#include "task/continual.h"

pwy_status pwy_continual_new(pwy_continual **out)
{
    PW_GIVEN(out);
    return pw_continual_make(out);
}

void pwy_continual_free(pwy_continual *continual)
{
    pw_continual_free(continual);
}

pwy_status pwy_continual_add(pwy_continual *continual, const char *name, int higher_is_better, int64_t *index)
{
    PW_GIVEN(continual);
    PW_GIVEN(name);
    return pw_continual_add(continual, name, higher_is_better != 0, index);
}

pwy_status pwy_continual_find(const pwy_continual *continual, const char *name, int64_t *index)
{
    PW_GIVEN(continual);
    PW_GIVEN(name);
    PW_GIVEN(index);
    int64_t at = pw_map_find(continual->names, name, strlen(name));
    if (at < 0) return pw_fail(PWY_E_NOT_FOUND, "the matrix has no task '%s'", name);
    *index = at;
    return PWY_OK;
}

int64_t pwy_continual_count(const pwy_continual *continual)
{
    return continual != NULL ? pw_map_count(continual->names) : 0;
}

const char *pwy_continual_name(const pwy_continual *continual, int64_t index)
{
    return index >= 0 && index < pwy_continual_count(continual) ? pw_map_key(continual->names, index) : NULL;
}

pwy_status pwy_continual_set(pwy_continual *continual, int64_t after, int64_t task, double score)
{
    PW_GIVEN(continual);
    return pw_continual_set(continual, after, task, score);
}

pwy_status pwy_continual_set_baseline(pwy_continual *continual, int64_t task, double score)
{
    PW_GIVEN(continual);
    if (task < 0 || task >= pwy_continual_count(continual))
        return pw_fail(PWY_E_ARGUMENT, "baseline of task %lld: the matrix has %lld tasks", (long long)task,
                       (long long)pwy_continual_count(continual));
    if (!isfinite(score)) return pw_fail(PWY_E_ARGUMENT, "baseline %g is not a finite number", score);
    continual->baseline[task] = score;
    return PWY_OK;
}

double pwy_continual_score(const pwy_continual *continual, int64_t after, int64_t task)
{
    return continual != NULL ? pw_continual_score(continual, after, task) : NAN;
}

double pwy_continual_baseline(const pwy_continual *continual, int64_t task)
{
    return task >= 0 && task < pwy_continual_count(continual) ? continual->baseline[task] : NAN;
}

double pwy_continual_accuracy(const pwy_continual *continual, int64_t after)
{
    return continual != NULL ? pw_continual_accuracy(continual, after) : NAN;
}

double pwy_continual_backward_transfer(const pwy_continual *continual, int64_t after)
{
    return continual != NULL ? pw_continual_backward(continual, after) : NAN;
}

double pwy_continual_forward_transfer(const pwy_continual *continual, int64_t after)
{
    return continual != NULL ? pw_continual_forward(continual, after) : NAN;
}

double pwy_continual_forgetting(const pwy_continual *continual, int64_t after)
{
    return continual != NULL ? pw_continual_forgetting(continual, after) : NAN;
}

pwy_status pwy_continual_json(const pwy_continual *continual, char **json)
{
    PW_GIVEN(continual);
    PW_GIVEN(json);
    return pw_continual_json(continual, json);
}

pwy_status pwy_continual_parse(const char *json, pwy_continual **out)
{
    PW_GIVEN(json);
    PW_GIVEN(out);
    return pw_continual_parse(json, out);
}
