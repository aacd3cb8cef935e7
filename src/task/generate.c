/* Text, written position by position by the trunk and the tied embeddings: loss and answer are the writer's. */
#include "task/task.h"

static int outputs(const struct pwy_task *t)
{
    (void)t;
    return 0;
}

/* Of a task that goes on with its part (no target), nobody asks for one. */
static pwy_status target(const struct pwy_task *t, const pwy_example *ex, struct pw_target *out)
{
    (void)t;
    if (ex->target_type != PW_TARGET_TEXT || ex->target_text == NULL)
        return pw_target_fail(ex, "it has no target text");
    out->text = ex->target_text;
    return PWY_OK;
}

const struct pw_head_ops pw_head_generate = {
    .name = "generate", .kind = PWY_GENERATE, .metric = "bits_per_byte", .reads_out = false,
    .outputs = outputs, .target = target
};
