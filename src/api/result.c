/* What a session answered: results, rankings of tasks, scores. See pathways/session.h. */
#include "pathways/session.h"
#include "model/result.h"
#include "model/which.h"
#include <math.h>

const char *pwy_result_task(const pwy_result *result)
{
    return result == NULL ? NULL : result->task;
}

const char *pwy_result_digest(const pwy_result *result)
{
    return result == NULL || result->digest[0] == '\0' ? NULL : result->digest;
}

int64_t pwy_result_count(const pwy_result *result)
{
    return result == NULL ? 0 : result->n;
}

const char *pwy_result_label(const pwy_result *result, int64_t index)
{
    return index < 0 || index >= pwy_result_count(result) ? NULL : result->label[index];
}

double pwy_result_score(const pwy_result *result, int64_t index)
{
    return index < 0 || index >= pwy_result_count(result) ? NAN : result->score[index];
}

double pwy_result_number(const pwy_result *result)
{
    return result == NULL ? NAN : result->number;
}

const char *pwy_result_text(const pwy_result *result)
{
    return result == NULL ? NULL : result->text;
}

double pwy_result_active_share(const pwy_result *result)
{
    return result == NULL || result->total == 0 ? NAN : (double)result->active / (double)result->total;
}

int64_t pwy_result_active_parameters(const pwy_result *result)
{
    return result == NULL ? 0 : result->active;
}

double pwy_result_flops(const pwy_result *result)
{
    return result == NULL ? NAN : result->flops;
}

const char *pwy_result_json(const pwy_result *result)
{
    return result == NULL ? NULL : result->json;
}

void pwy_result_free(pwy_result *result)
{
    pw_result_release(result);
}

int64_t pwy_which_count(const pwy_which *which)
{
    return which == NULL ? 0 : which->n;
}

static const struct pw_which_row *row_of(const pwy_which *which, int64_t index)
{
    return index < 0 || index >= pwy_which_count(which) ? NULL : &which->row[index];
}

const char *pwy_which_task(const pwy_which *which, int64_t index)
{
    const struct pw_which_row *row = row_of(which, index);
    return row == NULL ? NULL : row->task;
}

double pwy_which_confidence(const pwy_which *which, int64_t index)
{
    const struct pw_which_row *row = row_of(which, index);
    return row == NULL ? NAN : row->confidence;
}

double pwy_which_distance(const pwy_which *which, int64_t index)
{
    const struct pw_which_row *row = row_of(which, index);
    return row == NULL ? NAN : row->distance;
}

double pwy_which_limit(const pwy_which *which, int64_t index)
{
    const struct pw_which_row *row = row_of(which, index);
    return row == NULL ? NAN : row->limit;
}

int pwy_which_known(const pwy_which *which)
{
    return which != NULL && which->known;
}

const char *pwy_which_json(const pwy_which *which)
{
    return which == NULL ? NULL : which->json;
}

void pwy_which_free(pwy_which *which)
{
    pw_which_release(which);
}

const char *pwy_score_metric(const pwy_score *score)
{
    return score == NULL ? NULL : score->metric;
}

double pwy_score_value(const pwy_score *score)
{
    return score == NULL ? NAN : score->value;
}

double pwy_score_baseline(const pwy_score *score)
{
    return score == NULL ? NAN : score->baseline;
}

int pwy_score_higher_is_better(const pwy_score *score)
{
    return score != NULL && score->higher_is_better;
}

int64_t pwy_score_n(const pwy_score *score)
{
    return score == NULL ? 0 : score->n;
}

int64_t pwy_score_bad_rows(const pwy_score *score)
{
    return score == NULL ? 0 : score->bad;
}

int64_t pwy_score_active_parameters(const pwy_score *score)
{
    return score == NULL ? 0 : score->active;
}

int64_t pwy_score_total_parameters(const pwy_score *score)
{
    return score == NULL ? 0 : score->total;
}

double pwy_score_flops(const pwy_score *score)
{
    return score == NULL ? NAN : score->flops;
}

const char *pwy_score_json(const pwy_score *score)
{
    return score == NULL ? NULL : score->json;
}

void pwy_score_free(pwy_score *score)
{
    pw_score_release(score);
}
