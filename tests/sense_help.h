/* What the tests of senses share: values by hand, a fit over arrays of them, and a sense's whole life. */
#ifndef SENSE_HELP_H
#define SENSE_HELP_H
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "sense/sense.h"
#include "sys/pool.h"

struct rows { struct pw_value *value; struct pw_goal *goal; int64_t n; };

static inline pwy_status rows_row(void *arg, int64_t i, const struct pw_value **value, struct pw_goal *goal)
{
    const struct rows *r = arg;
    *value = r->value[i].type == PW_VALUE_NONE ? NULL : &r->value[i];
    *goal = r->goal[i];
    return PWY_OK;
}

/* A sense with parameters of its own; n_valid of the rows are held out. */
static inline struct pw_sense sense_open(const struct pw_sense_ops *ops, const char *kind, int outputs, int d,
                                         const char *settings)
{
    struct pw_sense s = {.ops = ops, .d = d, .kind = kind, .outputs = outputs, .own = (char *)"task/t/x",
                         .stem = ops->name};
    struct pw_node *node = NULL;
    s.params = pw_params_new(7);
    ck_assert_ptr_nonnull(s.params);
    if (settings != NULL) ck_assert_int_eq(pw_node_from_json(settings, strlen(settings), NULL, &node), PWY_OK);
    ck_assert_msg(ops->open(&s, node) == PWY_OK, "%s", pwy_error_message());
    pw_node_free(node);
    return s;
}

static inline void sense_fit(struct pw_sense *s, struct rows *r, int64_t n_valid, struct pw_pool *pool)
{
    struct pw_fit fit = {.arg = r, .n_train = r->n - n_valid, .n_valid = n_valid, .row = rows_row, .kind = s->kind,
                         .outputs = s->outputs, .seed = 3, .pool = pool};
    ck_assert_msg(s->ops->fit(s, &fit) == PWY_OK, "%s", pwy_error_message());
    ck_assert_msg(s->ops->declare(s) == PWY_OK, "%s", pwy_error_message());
}

static inline void sense_close(struct pw_sense *s)
{
    s->ops->close(s);
    pw_params_free(s->params);
}

/* The sense as a model file would bring it back: saved map and constants, other parameters copied by name. */
static inline struct pw_sense sense_again(const struct pw_sense *old, const char *settings)
{
    struct pw_sense s = sense_open(old->ops, old->kind, old->outputs, old->d, settings);
    struct pw_node *map = pw_node_new(PW_MAP), *back = NULL;
    ck_assert_int_eq(old->ops->save(old, map), PWY_OK);
    char *json = pw_node_to_json(map);
    ck_assert_int_eq(pw_node_from_json(json, strlen(json), NULL, &back), PWY_OK);
    ck_assert_msg(s.ops->load(&s, back) == PWY_OK, "%s", pwy_error_message());
    ck_assert_msg(s.ops->declare(&s) == PWY_OK, "%s", pwy_error_message());
    ck_assert_int_eq(s.params->n, old->params->n);
    for (int i = 0; i < s.params->n; i++) {
        struct pw_param *to = s.params->list[i], *from = pw_params_find(old->params, to->name);
        ck_assert_ptr_nonnull(from);
        ck_assert_int_eq(to->n, from->n);
        memcpy(to->w, from->w, (size_t)to->n * sizeof(real));
    }
    pw_node_free(map);
    pw_node_free(back);
    free(json);
    return s;
}

static inline struct pw_exec exec_of(struct pw_arena *arena, struct pw_pool *pool, bool train)
{
    struct pw_exec x = {.arena = arena, .pool = pool, .train = train, .seed = 1};
    ck_assert_int_eq(pw_kern_choose(NULL, &x.kern), PWY_OK);
    return x;
}

static inline struct pw_value picture(const uint8_t *pixels, int64_t h, int64_t w, int64_t c)
{
    return (struct pw_value){.type = PW_VALUE_IMAGE, .pixels = pixels, .height = h, .width = w, .channels = c};
}

static inline struct pw_value sound(const float *samples, int64_t steps, double rate)
{
    return (struct pw_value){.type = PW_VALUE_AUDIO, .samples = samples, .steps = steps, .channels = 1, .rate = rate};
}

static inline struct pw_value line(const float *samples, int64_t steps, int64_t channels)
{
    return (struct pw_value){.type = PW_VALUE_SERIES, .samples = samples, .steps = steps, .channels = channels};
}

static inline struct pw_value table_row(const struct pw_cell *cells, int64_t n)
{
    return (struct pw_value){.type = PW_VALUE_ROW, .cells = cells, .n_cells = n};
}
#endif
