/* The senses' wide paths on real sets: a linear model over the sparse features, or the trees by themselves, must beat
   the baseline clearly. Needs PATHWAYS_DATA; PATHWAYS_DATA_ROWS bounds the training rows (400), 0: all. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include "base/num.h"
#include "base/rng.h"
#include "sense_help.h"
#include "suite.h"

extern const struct pw_sense_ops pw_sense_audio, pw_sense_series, pw_sense_table;

struct set { struct rows train, test; int classes; };

static int64_t limit_of(void)
{
    const char *text = getenv("PATHWAYS_DATA_ROWS");
    int64_t n = text != NULL ? atoll(text) : 400;
    return n > 0 ? n : 1 << 30;
}

static char *slurp(const char *name, size_t *len)
{
    char *path = pw_printf("%s/%s", getenv("PATHWAYS_DATA"), name), *data;
    FILE *f = fopen(path, "rb");
    if (f == NULL) fprintf(stderr, "no %s\n", path);
    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    data = malloc(*len + 1);
    ck_assert_uint_eq(fread(data, 1, *len, f), *len);
    data[*len] = 0;
    fclose(f);
    free(path);
    return data;
}

static void rows_add(struct rows *r, struct pw_value value, int label, double number)
{
    r->value = realloc(r->value, (size_t)(r->n + 1) * sizeof *r->value);
    r->goal = realloc(r->goal, (size_t)(r->n + 1) * sizeof *r->goal);
    r->value[r->n] = value;
    r->goal[r->n++] = (struct pw_goal){label, number};
}

/* --- readers, as small as can be --- */

static void read_ts(struct rows *r, const char *name, struct pw_map *labels)
{
    size_t len;
    char *text = slurp(name, &len), *at = strstr(text, "@data");
    while (at != NULL && (at = strchr(at, '\n')) != NULL && *++at != 0) {
        char *end = strchr(at, '\n'), *colon = at, *last = at;
        int64_t channels = 0, steps = 1, n = 0;
        if (end == NULL) end = text + len;
        for (colon = at; colon < end; colon++)
            if (*colon == ':') channels++, last = colon;
        if (channels == 0) continue;
        for (colon = at; *colon != ':'; colon++) steps += *colon == ',';
        float *x = calloc((size_t)(channels * steps), sizeof *x);
        for (char *p = at; p < last; n++, p++) x[n % steps * channels + n / steps] = strtof(p, &p);
        int64_t label = pw_map_add(labels, last + 1, strcspn(last + 1, "\r\n"));
        rows_add(r, line(x, steps, channels), (int)label, 0);
        at = end - 1 < at ? at : end - 1;
    }
    free(text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_wavs(struct rows *r, const char *folder)
{
    struct dirent **entry;
    char *path = pw_printf("%s/%s", getenv("PATHWAYS_DATA"), folder);
    int n = scandir(path, &entry, NULL, by_name);
    for (int i = 0; i < n; i++) {
        size_t len;
        char *name = pw_printf("%s/%s", folder, entry[i]->d_name);
        if (strstr(name, ".wav") != NULL) {
            char *data = slurp(name, &len);
            int64_t steps = (int64_t)(len - 44) / 2;
            float *x = calloc((size_t)steps, sizeof *x);
            for (int64_t s = 0; s < steps; s++) x[s] = (float)((int16_t *)(void *)(data + 44))[s] / 32768;
            rows_add(r, sound(x, steps, 8000), entry[i]->d_name[0] - '0', 0);
            free(data);
        }
        free(name);
        free(entry[i]);
    }
    free(entry);
    free(path);
}

/* A CSV without quotes. every: 0 all rows to a; else every n-th to b. The target leaves the cells. */
static void read_csv(const char *name, const char *target, struct pw_map *labels, int every, struct rows *a,
                     struct rows *b)
{
    size_t len;
    char *text = slurp(name, &len), *save, *column[64];
    int columns = 0, row = 0, at_target = -1;
    char *head = strtok_r(text, "\r\n", &save);
    for (char *p = head; p != NULL; columns++) {
        column[columns] = strsep(&p, ",");
        if (strcmp(column[columns], target) == 0) at_target = columns;
    }
    for (char *l; (l = strtok_r(NULL, "\r\n", &save)) != NULL; row++) {
        struct pw_cell *cell = calloc((size_t)columns, sizeof *cell);
        int n = 0, label = 0;
        double number = 0;
        for (int c = 0; c < columns; c++) {
            char *field = strsep(&l, ",");
            if (c == at_target) {
                if (labels != NULL) label = (int)pw_map_add(labels, field, strlen(field));
                else number = atof(field);
                continue;
            }
            cell[n] = (struct pw_cell){.column = column[c]};
            if (field[0] != 0 && strcmp(field, "?") != 0) {
                cell[n].text = field;
                cell[n].is_number = pw_parse_double(field, strlen(field), &cell[n].number);
            }
            n++;
        }
        rows_add(every > 0 && row % every == every - 1 ? b : a, table_row(cell, n), label, number);
    }
}

static void shuffle_and_cut(struct rows *r, int64_t most)
{
    struct rows out = {0};
    for (int64_t i = 0; i < r->n && i < most; i++) {
        int64_t at = (int64_t)pw_permute(5, (uint64_t)r->n, (uint64_t)i);
        rows_add(&out, r->value[at], r->goal[at].label, r->goal[at].number);
    }
    *r = out;
}

/* --- a linear model by Adam over sparse features --- */

struct linear { int classes; int64_t n; double *w, *m, *v, *g; };

static void scores(const struct linear *l, const struct pw_encoded *e, double *out)
{
    for (int k = 0; k < l->classes; k++) {
        out[k] = l->w[l->n * l->classes + k] + (e->wide_logits != NULL ? (double)e->wide_logits[k] : 0);
        for (int64_t i = 0; i < e->n_wide; i++)
            out[k] += (double)e->wide_value[i] * l->w[e->wide_index[i] * l->classes + k];
    }
}

static void learn_one(struct linear *l, const struct pw_encoded *e, int label)
{
    double p[64], sum = 0, most = -1e9;
    scores(l, e, p);
    for (int k = 0; k < l->classes; k++) most = fmax(most, p[k]);
    for (int k = 0; k < l->classes; k++) sum += p[k] = exp(p[k] - most);
    for (int k = 0; k < l->classes; k++) {
        double d = (p[k] / sum - (k == label)) / 32;
        l->g[l->n * l->classes + k] += d;
        for (int64_t i = 0; i < e->n_wide; i++) l->g[e->wide_index[i] * l->classes + k] += d * (double)e->wide_value[i];
    }
}

static void adam(struct linear *l, int step, double lr)
{
    for (int64_t i = 0; i < (l->n + 1) * l->classes; i++) {
        l->m[i] = .9 * l->m[i] + .1 * l->g[i];
        l->v[i] = .98 * l->v[i] + .02 * l->g[i] * l->g[i];
        l->w[i] -= lr * l->m[i] / (1 - pow(.9, step)) / (sqrt(l->v[i] / (1 - pow(.98, step))) + 1e-8);
        l->g[i] = 0;
    }
}

static void learn(struct linear *l, const struct pw_encoded *e, const struct rows *r, int epochs)
{
    int64_t steps = (r->n + 31) / 32 * epochs;
    for (int64_t step = 1; step <= steps; step++) {
        for (int64_t i = (step - 1) * 32; i < step * 32; i++) {
            uint64_t at = pw_permute((uint64_t)(i / r->n), (uint64_t)r->n, (uint64_t)(i % r->n));
            learn_one(l, &e[at], r->goal[at].label);
        }
        adam(l, (int)step, 2e-2 * (.51 + .49 * cos(3.14159 * (double)step / (double)steps)));
    }
}

static struct pw_encoded *encode_all(const struct pw_sense *s, const struct rows *r, struct pw_arena *arena)
{
    struct pw_encoded *e = calloc((size_t)r->n + 1, sizeof *e);
    for (int64_t i = 0; i < r->n; i++)
        ck_assert_msg(s->ops->encode(s, &r->value[i], NULL, arena, &e[i]) == PWY_OK, "%s", pwy_error_message());
    return e;
}

static double accuracy(const struct linear *l, const struct pw_encoded *e, const struct rows *r)
{
    int64_t right = 0;
    for (int64_t i = 0; i < r->n; i++) {
        double out[64];
        int best = 0;
        scores(l, &e[i], out);
        for (int k = 1; k < l->classes; k++) best = out[k] > out[best] ? k : best;
        right += best == r->goal[i].label;
    }
    return (double)right / (double)r->n;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Fits the sense, learns a linear model where it gives sparse features, and returns the accuracy on the test rows. */
static double wide_accuracy(const struct pw_sense_ops *ops, struct set *set, int64_t n_valid, int epochs,
                            const char *name)
{
    struct pw_sense s = sense_open(ops, "classify", set->classes, 16, NULL);
    struct pw_arena *arena = pw_arena_new();
    double t0 = seconds();
    sense_fit(&s, &set->train, n_valid, NULL);
    double t1 = seconds();
    struct pw_encoded *train = encode_all(&s, &set->train, arena), *test = encode_all(&s, &set->test, arena);
    double t2 = seconds();
    size_t size = (size_t)(s.wide_rows + 1) * (size_t)set->classes;
    struct linear l = {set->classes, s.wide_rows, calloc(size, 8), calloc(size, 8), calloc(size, 8), calloc(size, 8)};
    if (s.wide_rows > 0) learn(&l, train, &set->train, epochs);
    double score = accuracy(&l, test, &set->test);
    fprintf(stderr, "# %s: %.4f (fit %.2f s, encode %.2f ms each, %lld features)\n", name, score, t1 - t0,
            1e3 * (t2 - t1) / (double)(set->train.n + set->test.n), (long long)s.wide_rows);
    free(l.w), free(l.m), free(l.v), free(l.g), free(train), free(test);
    pw_arena_free(arena);
    sense_close(&s);
    return score;
}

static bool skipped(void)
{
    if (getenv("PATHWAYS_DATA") != NULL) return false;
    fprintf(stderr, "# skipped: PATHWAYS_DATA is not set\n");
    return true;
}

START_TEST(spoken_digits)
{
    struct set set = {.classes = 10};
    if (skipped()) return;
    read_wavs(&set.train, "fsdd/train");
    read_wavs(&set.test, "fsdd/test");
    shuffle_and_cut(&set.train, limit_of());
    ck_assert_double_gt(wide_accuracy(&pw_sense_audio, &set, 0, 60, "fsdd"), .85);
}
END_TEST

static const struct { const char *name; int classes; double least; } ucr[] = {
    {"GunPoint", 2, .85}, {"ItalyPowerDemand", 2, .85}, {"ArrowHead", 3, .7}, {"OSULeaf", 6, .7},
        {"BasicMotions", 4, .85},
    {"JapaneseVowels", 9, .85}};

START_TEST(time_series)
{
    struct set set = {.classes = ucr[_i].classes};
    struct pw_map *labels = pw_map_new();
    if (!skipped()) {
        char *a = pw_printf("ucr_small/%s/%s_TRAIN.ts", ucr[_i].name, ucr[_i].name);
        char *b = pw_printf("ucr_small/%s/%s_TEST.ts", ucr[_i].name, ucr[_i].name);
        read_ts(&set.train, a, labels);
        read_ts(&set.test, b, labels);
        shuffle_and_cut(&set.train, limit_of());
        ck_assert_double_gt(wide_accuracy(&pw_sense_series, &set, 0, 100, ucr[_i].name), ucr[_i].least);
        free(a), free(b);
    }
    pw_map_free(labels);
}
END_TEST

START_TEST(incomes)
{
    struct set set = {.classes = 2};
    if (skipped()) return;
    struct pw_map *labels = pw_map_new();
    read_csv("adult/train.csv", "income", labels, 0, &set.train, NULL);
    read_csv("adult/test.csv", "income", labels, 0, &set.test, NULL);
    ck_assert_int_eq(pw_map_count(labels), 2);
    shuffle_and_cut(&set.train, limit_of() * 5);
    ck_assert_double_gt(wide_accuracy(&pw_sense_table, &set, set.train.n / 10, 20, "adult"), .82);
    pw_map_free(labels);
}
END_TEST

START_TEST(houses)
{
    struct rows train = {0}, test = {0};
    if (skipped()) return;
    read_csv("california_housing/housing.csv", "median_house_value", NULL, 5, &train, &test);
    shuffle_and_cut(&train, limit_of() * 5);
    double mean = 0, square = 0, miss = 0, base = 0;
    for (int64_t i = 0; i < train.n; i++) mean += train.goal[i].number / (double)train.n;
    for (int64_t i = 0; i < train.n; i++) square += pow(train.goal[i].number - mean, 2) / (double)train.n;
    for (int64_t i = 0; i < train.n; i++) train.goal[i].number = (train.goal[i].number - mean) / sqrt(square);
    struct pw_sense s = sense_open(&pw_sense_table, "regress", 1, 16, NULL);
    struct pw_arena *arena = pw_arena_new();
    double t0 = seconds();
    sense_fit(&s, &train, train.n / 10, NULL);
    double t1 = seconds();
    struct pw_encoded *e = encode_all(&s, &test, arena);
    for (int64_t i = 0; i < test.n; i++) {
        miss += pow((double)e[i].wide_logits[0] * sqrt(square) + mean - test.goal[i].number, 2);
        base += pow(mean - test.goal[i].number, 2);
    }
    fprintf(stderr, "# california: rmse %.4f of %.4f (fit %.2f s)\n", sqrt(miss / (double)test.n) / 1e5,
            sqrt(base / (double)test.n) / 1e5, t1 - t0);
    ck_assert_double_lt(miss, base * .4);
    free(e);
    pw_arena_free(arena);
    sense_close(&s);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sense_real");
    TCase *c = tcase_create("wide paths");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, spoken_digits);
    tcase_add_loop_test(c, time_series, 0, (int)(sizeof ucr / sizeof *ucr));
    tcase_add_test(c, incomes);
    tcase_add_test(c, houses);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
