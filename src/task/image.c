/* Tasks being written as tensors: task/record.h. The same tasks give the same bytes. */
#include <stdlib.h>
#include <string.h>
#include "task/record.h"
#include "base/rng.h"

pwy_status pw_image_add(struct pw_image *im, const char *name, struct pw_record *r, struct pw_bytes task,
                        struct pw_bytes senses)
{
    if (task.len > UINT32_MAX || senses.len > UINT32_MAX || im->n >= INT32_MAX / 2)
        return pw_fail(PWY_E_UNSUPPORTED, "task '%s': its settings have %zu bytes; less than 4 GiB is right", name,
                       task.len + senses.len);
    r->name_len = (uint32_t)strlen(name);
    r->hash = pw_hash(name, r->name_len);
    r->name_at = im->names.len;
    r->text_at = im->texts.len;
    r->task_len = (uint32_t)task.len;
    r->senses_len = (uint32_t)senses.len;
    PW_TRY(pw_buf_add(&im->names, name, (size_t)r->name_len + 1));
    PW_TRY(pw_buf_add(&im->texts, task.data, task.len));
    PW_TRY(pw_buf_add(&im->texts, senses.data, senses.len));
    PW_TRY(pw_buf_add(&im->records, r, sizeof *r));
    im->n++;
    return PWY_OK;
}

pwy_status pw_image_label(struct pw_image *im, uint32_t hash, int64_t record)
{
    const uint32_t pair[2] = {hash, (uint32_t)record};
    return pw_buf_add(&im->labels, pair, sizeof pair);
}

static int by_hash(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    if (x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

/* At most half full. Records of what is gone are found by nobody: another may have the name in the same file. */
static pwy_status make_index(struct pw_image *im)
{
    uint64_t n_slots = 8;
    while (n_slots < 2 * (uint64_t)im->n) n_slots *= 2;
    uint32_t *slot = pw_calloc(n_slots, 2 * sizeof *slot);
    PW_NEED(slot);
    for (int64_t k = 0; k < im->n; k++) {
        uint64_t hash, at;
        struct pw_record r;
        memcpy(&r, im->records.data + (size_t)k * sizeof r, sizeof r);
        if ((r.flags & PW_RECORD_GONE) != 0) continue;
        hash = r.hash;
        for (at = hash & (n_slots - 1); slot[2 * at + 1] != 0; at = (at + 1) & (n_slots - 1)) continue;
        slot[2 * at] = (uint32_t)(hash >> 32);
        slot[2 * at + 1] = (uint32_t)(k + 1);
    }
    pwy_status status = pw_buf_add(&im->index, slot, n_slots * 8);
    free(slot);
    return status;
}

pwy_status pw_image_finish(struct pw_image *im)
{
    if (im->labels.len > 0) qsort(im->labels.data, im->labels.len / 8, 8, by_hash);
    return make_index(im);
}

struct pw_task_segment_bytes pw_image_bytes(const struct pw_image *im)
{
    return (struct pw_task_segment_bytes){
        .records = {im->records.data, im->records.len}, .index = {im->index.data, im->index.len},
        .names = {im->names.data, im->names.len}, .texts = {im->texts.data, im->texts.len},
        .labels = {im->labels.data, im->labels.len}, .name = "registry"};
}

void pw_image_free(struct pw_image *im)
{
    pw_buf_free(&im->records);
    pw_buf_free(&im->index);
    pw_buf_free(&im->names);
    pw_buf_free(&im->texts);
    pw_buf_free(&im->labels);
}
