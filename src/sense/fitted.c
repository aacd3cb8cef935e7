/* Shared by the senses' fit: rows spread over the training set, numbers in maps, means and spreads. */
#include "sense/fitted.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>

int64_t pw_fit_row(const struct pw_fit *fit, int64_t take, int64_t j)
{
    int64_t whole = fit->n_train / take, rest = fit->n_train % take;
    return j * whole + j * rest / take;
}

pwy_status pw_fit_value(const struct pw_fit *fit, int64_t take, int64_t j, enum pw_value_type type,
                        const struct pw_value **out)
{
    struct pw_goal goal;
    *out = NULL;
    PW_TRY(fit->row(fit->arg, pw_fit_row(fit, take, j), out, &goal));
    if (*out != NULL && (*out)->type != type)
        *out = NULL;
    return PWY_OK;
}

pwy_status pw_fitted_put(struct pw_node *map, const char *key, double value)
{
    char text[64];
    struct pw_node *node;
    pw_format_double(text, sizeof text, value);
    PW_NEED(node = pw_node_text(text, false));
    return pw_node_put(map, key, node);
}

pwy_status pw_fitted_get(const struct pw_node *map, const char *what, const char *key, double min, double max,
                         double *out)
{
    const struct pw_node *node = pw_node_get(map, key);
    double value;
    if (node == NULL || node->kind != PW_SCALAR || !pw_parse_double(node->text, strlen(node->text), &value))
        return pw_fail(PWY_E_FORMAT, "%s: '%s' is missing or no number", what, key);
    if (!(value >= min && value <= max))
        return pw_fail(PWY_E_FORMAT, "%s: '%s' is %g; %g to %g would be right", what, key, value, min, max);
    *out = value;
    return PWY_OK;
}

pwy_status pw_moments_open(struct pw_moments *m, int64_t n)
{
    *m = (struct pw_moments){.n = n};
    PW_NEED(m->sum = pw_calloc((size_t)n * 2 + 1, sizeof *m->sum));
    m->square = m->sum + n;
    return PWY_OK;
}

void pw_moments_add(struct pw_moments *m, const real *feature)
{
    for (int64_t i = 0; i < m->n; i++) {
        m->sum[i] += (double)feature[i];
        m->square[i] += (double)feature[i] * (double)feature[i];
    }
    m->rows++;
}

void pw_moments_write(const struct pw_moments *m, real *constants)
{
    double rows = m->rows > 0 ? (double)m->rows : 1;
    for (int64_t i = 0; i < m->n; i++) {
        double mean = m->sum[i] / rows, variance = m->square[i] / rows - mean * mean;
        bool still = !(variance > 1e-9 * (1e-6 + mean * mean));
        constants[i] = (real)mean;
        constants[m->n + i] = still ? 0 : (real)(1 / sqrt(variance));
    }
}

void pw_moments_close(struct pw_moments *m)
{
    free(m->sum);
    *m = (struct pw_moments){0};
}

void pw_standardise(const real *constants, int64_t n, real limit, real *feature)
{
    for (int64_t i = 0; i < n; i++) {
        real z = (feature[i] - constants[i]) * constants[n + i];
        feature[i] = z > limit ? limit : z < -limit ? -limit : z;
    }
}

pwy_status pw_wide_all(struct pw_arena *arena, int64_t n, const real *feature, real scale, struct pw_encoded *out)
{
    PW_NEED(out->wide_index = pw_arena_take(arena, (size_t)n + 1, sizeof *out->wide_index));
    PW_NEED(out->wide_value = pw_arena_take(arena, (size_t)n + 1, sizeof *out->wide_value));
    for (int64_t i = 0; i < n; i++) {
        out->wide_index[i] = (int32_t)i;
        out->wide_value[i] = feature[i] * scale;
    }
    out->n_wide = n;
    return PWY_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void pw_sort(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
}
