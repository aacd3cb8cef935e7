/* Inference over a model: encode on the pool, one pass, and what comes of it. One thread at a time; any number over
   one model. */
#ifndef PW_INFER_H
#define PW_INFER_H
#include "model/model.h"

/* Encodes examples side by side; each worker has an arena of its own, emptied by pw_encoder_reset. */
struct pw_encoder { struct pw_pool *pool; struct pw_arena **arena; int workers; };
/* row: of its source, for counting bad ones */
struct pw_encode_job { struct pw_net *net; const pwy_example *ex; bool with_target, augment; struct pw_rng rng;
    int64_t row; struct pw_item *item; pwy_status status; };
pwy_status pw_encoder_open(struct pw_encoder *e, struct pw_pool *pool);
void pw_encoder_close(struct pw_encoder *e);
void pw_encoder_reset(struct pw_encoder *e);
/* Every job gets its status. Messages of failures are lost on the pool: pw_encode_again(job) makes one on this
   thread. */
void pw_encode(struct pw_encoder *e, const pwy_model *m, struct pw_encode_job *job, int n);
pwy_status pw_encode_again(struct pw_encoder *e, const pwy_model *m, struct pw_encode_job *job);

enum { PW_INFER_BATCH = 64 };
enum { PW_PATH_BOTH, PW_PATH_TRUNK, PW_PATH_WIDE };
struct pw_infer {
    const pwy_model *m;                 /* borrowed */
    struct pw_pool *pool; bool own_pool;
    struct pw_encoder encoder;
    struct pw_exec x;
    struct pw_batch batch;
    struct pw_pass pass;
    pwy_example *ex[PW_INFER_BATCH];    /* for rows of a source */
    struct pw_encode_job job[PW_INFER_BATCH];
    struct pw_item item[PW_INFER_BATCH];
    int64_t path;                       /* what answers: both paths in the task's mix, or one of them alone */
    int64_t asked, before;   /* for messages: examples of the whole question, and before this pass; 0: the pass's own */
};
/* pool NULL: makes one of `threads`. */
pwy_status pw_infer_open(const pwy_model *m, struct pw_pool *pool, int threads, struct pw_infer **out);
void pw_infer_close(struct pw_infer *f);
/* One pass over n <= PW_INFER_BATCH examples of one task; what f->pass holds lives until the next call. A bad example:
   its error, saying which of how many. */
pwy_status pw_infer_run(struct pw_infer *f, struct pw_net *net, const pwy_example *const *ex, int n, bool with_target);

/* Rows of a source, PW_INFER_BATCH at a time: calls `use` after each pass, bad rows skipped and counted. */
typedef pwy_status (*pw_use_fn)(void *arg, struct pw_infer *f, struct pw_net *net);
struct pw_scan { int64_t limit, max_bad, bad; uint64_t key; }; /* limit: rows at most, drawn by key; 0: all, in order */
pwy_status pw_infer_scan(struct pw_infer *f, struct pw_net *net, pwy_source *source, struct pw_scan *scan,
                         pw_use_fn use, void *arg);

/* A task's evaluation. */
struct pwy_score {
    char *metric, *json; double value, baseline, flops; bool higher_is_better;
    int64_t n, bad, active, total;
};
pwy_status pw_evaluate(struct pw_infer *f, struct pw_net *net, pwy_source *source, int64_t max_bad,
                       struct pwy_score **out);
void pw_score_release(struct pwy_score *s);
/* Answers of the last pass: scores (outputs) of item i, as the head answers. */
void pw_infer_answer(const struct pw_infer *f, int i, real *scores);
#endif
