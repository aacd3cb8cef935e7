/* The model: senses, trunk and heads of every task over one set of parameters; and one pass over a batch. Data flows
   one way: example -> sense -> rows -> trunk -> head, with the wide path from the senses straight to the head. */
#ifndef PW_MODEL_H
#define PW_MODEL_H
#include "pathways/model.h"
#include "route/pathway.h"
#include "sense/sense.h"
#include "sys/file.h"
#include "task/task.h"

struct pw_shape {                       /* a recipe's `model:` */
    int64_t d, layers, heads, kv_heads, experts, topk, hidden, shared, vocab, window, seed;
    bool parallel;
    double balance, zloss, expert_lr;
    int64_t router, gate, normalise, balance_by;    /* which of their words */
    double gate_scale, capacity, bias_rate, jitter; /* gate_scale 0: 1 */
};

/* One task's own part of the network. */
struct pw_net {
    struct pwy_task *task;
    struct pw_sense *sense; int n_parts;            /* [n_parts], as the task's parts */
    int outputs;                                    /* of the head; 0: it writes */
    struct pw_vocabulary *vocabulary;               /* of its texts; NULL: the model has none */
    struct pw_pathway *way;                         /* NULL: the trunk's own */
    struct pw_param *token;                         /* (1, d): joins the sequence as its first row */
    struct pw_param *norm_w, *norm_b;               /* (2 d): over task row || mean of the others */
    struct pw_param *head_w, *head_b;               /* (2 d, outputs), (outputs) */
    struct pw_param **wide_table, **wide_dense; /* [n_parts]: (wide_rows, outputs), (wide_dense, outputs); NULL: none */
    struct pw_param *wide_bias;                     /* (outputs); NULL: no wide path, or trees alone */
    bool wide;                                      /* has a wide path */
    bool writes;
    int64_t own_fixed;   /* parameters that every answer reads, without the trunk's and tables' rows */
};

/* Running text goes on: its part is what is written, and goes through no sense. */
static inline bool pw_streams(const struct pw_net *net) { return net->writes && net->task->target == NULL; }

/* vocabulary.c: what texts of one stem share, read and written: "text", or "text~2" that came by merging. */
struct pw_vocabulary {
    char *stem;
    pwy_tokenizer *tok;
    struct pw_param *embed;                         /* (vocab, d), tied to the writing head */
    struct pw_packed packed;                        /* the same (d, vocab), for writing at inference; made with the
                                                       first net that writes */
    struct pw_vocabulary *next;
};

struct pw_nets;
struct pw_chain;
struct pwy_model {
    int count;                                      /* atomic references */
    pwy_context *ctx;
    pwy_registry *registry;
    struct pw_vocabulary *vocabulary;               /* the first; NULL: no text */
    struct pw_shape shape;
    struct pw_params *params;
    struct pw_trunk *trunk;
    struct pw_nets *nets;                           /* of every task, opened when first asked for */
    /* What borrowed weights lie in: files, which the layer that mapped them knows how to close, or bytes. */
    struct pw_chain *files; void (*close_files)(struct pw_chain *); void *memory;
    pwy_model *parent, *other;                      /* or whose they are: held; NULL */
    int64_t trunk_fixed, expert_size, total;   /* parameters: of the trunk without experts, of one expert, of all */
    struct pw_node *run;                            /* how it was trained: steps, plan, seed; NULL */
};

pwy_model *pw_model_hold(pwy_model *m);
void pw_model_release(pwy_model *m);                                 /* NULL allowed */
/* Looks through the training data: targets, tokenizer, the senses' constants; then declares every parameter. Holds the
   registry's sources through its own copy. */
pwy_status pw_model_build(pwy_registry *registry, const struct pw_node *options, pwy_model **out);
/* Looks through the data of the tasks that were added to the registry from `first` on, and declares what they have of
   their own, senses included; a text among them makes the tokenizer where there is none. A pathway comes after it.
   budget [added]: numbers that each task's senses should fit into beside its pathway and what tells it apart, about;
   NULL: a tenth of a model of its own. */
pwy_status pw_model_extend(pwy_model *m, int first, const int64_t *budget);
/* Numbers that a model of the task's own would have: the trunk with twice as many experts a layer as a token meets,
   and what its senses share. */
int64_t pw_model_common(const pwy_model *m, const struct pwy_task *t);
struct pw_vocabulary *pw_vocabulary_of(const pwy_model *m, const char *stem);          /* NULL: none */
pwy_status pw_vocabulary_add(pwy_model *m, const char *stem, pwy_tokenizer *tok);     /* takes tok, also on failure */
pwy_status pw_vocabularies_copy(const pwy_model *from, pwy_model *to);
pwy_status pw_vocabularies_declare(pwy_model *m);
pwy_status pw_vocabulary_pack(const pwy_model *m, struct pw_vocabulary *v);           /* once */
void pw_vocabularies_free(pwy_model *m);
/* The same from what a file brought: registry, vocabularies and params filled in. */
pwy_status pw_model_assemble(pwy_model *m);
pwy_status pw_model_make(pwy_context *ctx, pwy_model **out);         /* empty, counted once */
pwy_status pw_model_declare(pwy_model *m);   /* every parameter, when the senses are fitted or loaded */
void pw_model_count(pwy_model *m);           /* its parameters, anew */
extern const struct pw_option pw_shape_options[];
extern const char *const pw_gate_words[], *const pw_normalise_words[], *const pw_balance_words[];
pwy_status pw_shape_check(struct pw_shape *s);                       /* fills in what follows from the rest */
pwy_status pw_model_check_router(const pwy_model *m);                /* whether its tasks can go by it */
pwy_status pw_shape_to_node(const struct pw_shape *s, struct pw_node **out);
pwy_status pw_model_net(const pwy_model *m, const char *task, struct pw_net **out);      /* by name, opened */

/* net.c: a net is opened by whoever first asks for it, once, on any thread; what a model has opened stays. */
pwy_status pw_net_open(const pwy_model *m, int64_t task, struct pw_net **out);     /* by the task's index */
struct pw_net *pw_net_at(const pwy_model *m, int64_t task);          /* NULL: not opened yet */
pwy_status pw_nets_make(pwy_model *m);                               /* none open */
/* From task `first` on: all, their senses not fitted yet; the parameters of those that are open. */
pwy_status pw_nets_fit_open(pwy_model *m, int first);
pwy_status pw_nets_declare(pwy_model *m, int first);
void pw_net_count(const pwy_model *m, struct pw_net *net);          /* own_fixed, anew */
void pw_nets_free(struct pw_nets *nets);
/* What a task's senses keep: part -> map, the caller's; NULL: its net is not open, so it is as the file says. */
pwy_status pw_senses_to_node(const pwy_model *m, int64_t task, struct pw_node **out);
pwy_status pw_model_json(const pwy_model *m, struct pw_buf *out);    /* describe.c */

/* way.c: a task's own way through the trunk is part of its settings; its net opens it. */
pwy_status pw_net_open_way(const pwy_model *m, struct pw_net *net);
pwy_status pw_task_set_pathway(struct pwy_task *t, const struct pw_way_plan *plan, int layers);
/* The way that the task of t's name has in m, where expert e of layer l is called id[l][e] from now on. */
pwy_status pw_task_renumber(struct pwy_task *t, const pwy_model *m, int32_t *const *id);

/* overlay.c: a model over m that borrows its weights and has its tasks, sources too; what changes becomes its own.
   copy: what m owns is copied, so that m may go on changing. */
pwy_status pw_model_overlay(const pwy_model *m, pwy_model **out);
pwy_status pw_model_snapshot(const pwy_model *m, pwy_model **out);
/* Parts of these: tasks with their sources, running loads; PWY_E_STATE for a model that is packed. */
pwy_status pw_model_copy_tasks(const pwy_model *m, pwy_model *own);
void pw_model_copy_loads(const pwy_model *m, pwy_model *own);
pwy_status pw_model_plain(const pwy_model *m);
/* Room for the nets of tasks added to the registry. */
pwy_status pw_nets_extend(pwy_model *m);
/* One more expert of a layer, a copy of `from`, which only pathways reach. Its number in *out. */
pwy_status pw_model_clone_expert(pwy_model *m, int layer, int from, int *out);
/* m, where tasks grew behind those of the base, loses the experts that came with them and none of them reads. */
pwy_status pw_model_drop_clones(pwy_model *m, const pwy_model *base);

/* closure.c: every parameter that a task's answers read, and none else, in an order that other tasks have no part
   in. */
struct pw_closure_part {
    struct pw_param *p;
    int expert;                         /* of an expert tensor, the one that is read; -1: all of p */
    int place;                          /* of the expert among the task's candidates */
    bool own;                           /* the task's, under its name */
    const char *key;                    /* the name without the task's */
};
typedef pwy_status (*pw_closure_fn)(void *arg, const struct pw_closure_part *part);
pwy_status pw_closure_walk(const pwy_model *m, const struct pw_net *net, pw_closure_fn fn, void *arg);
/* A tensor of the trunk, whose place its own takes. */
bool pw_way_replaces(const struct pw_net *net, const char *name);
/* 256 bits over all that an answer depends on: numbers, settings, tokenizer, shape. */
pwy_status pw_closure_digest(const pwy_model *m, const struct pw_net *net, unsigned char out[32]);
pwy_status pw_closure_size(const pwy_model *m, const struct pw_net *net, int64_t *numbers, int64_t *own);

/* restrict.c: the tasks that keep [tasks] says, what they read, and nothing else. */
pwy_status pw_model_restrict(const pwy_model *m, const bool *keep, pwy_model **out);
pwy_status pw_model_rename(const pwy_model *m, const char *name, const char *to, pwy_model **out);      /* rename.c */

/* upcycle.c: experts from a dense model's feed-forwards. shape: what it is to be; noise: of each number, times the
   tensor's root mean square; approximate: also where gates do not sum to 1, so that answers change. */
struct pw_upcycle { struct pw_shape shape; double noise; int64_t seed; bool approximate; };
pwy_status pw_model_upcycle(const pwy_model *dense, const struct pw_node *options, pwy_model **out);
/* Told apart: each number of the n experts from `first` on moves by N(0, (noise rms)^2), rms being that of the expert's
   numbers. */
pwy_status pw_experts_stir(struct pw_param *p, int64_t first, int64_t n, double noise, struct pw_rng *rng);
/* grow.c: `experts` more a layer, copies of those that are there, asleep until training wakes them. approximate: also
   by routers whose choice among the others goes by how many there are. */
enum pw_grow_copy { PW_GROW_USED, PW_GROW_RANDOM };
struct pw_grow { int64_t experts, copy, seed; double noise; bool approximate; };
pwy_status pw_model_grow(const pwy_model *m, const struct pw_node *options, pwy_model **out);
/* merge.c: b's tasks, all sealed, behind a's; one that both have, by name and digest, is there once. What both have
   must be the same: PWY_E_ARGUMENT names what is not. */
pwy_status pw_model_merge(const pwy_model *a, const pwy_model *b, pwy_model **out);

/* seal.c. tolerance: how much of a score may be lost by leaving experts out. A new model; task NULL: all. A task that
   was not trained is PWY_E_STATE; one that is sealed stays as it is. */
struct pw_seal { double tolerance; };
pwy_status pw_model_seal(const pwy_model *m, const char *task, const struct pw_seal *how, pwy_model **out);
/* What a net chooses from in a layer: n ids, ascending, borrowed; NULL: the n first, all that the trunk's router knows
   but for what grew and has not woken yet. */
const int32_t *pw_net_candidates(const pwy_model *m, const struct pw_net *net, int layer, int *n);
/* Whether its candidates may become fewer: it is not sealed, and has no way yet, or one that lists them. */
bool pw_net_can_thin(const pwy_model *m, const struct pw_net *net);
/* A way over the first n of each layer's order, places among the net's candidates (NULL: the first), by copies of its
   router's columns: in a set beside the model, or as the net's own from now on; norms and an adapter stay. Layers that
   have fewer keep all. */
pwy_status pw_way_of_few(const pwy_model *m, const struct pw_net *net, const int32_t *const *order, int n,
                         struct pw_params *set, const char *prefix, struct pw_pathway **out);
pwy_status pw_net_take_few(pwy_model *m, struct pw_net *net, const int32_t *const *order, int n);
pwy_status pw_model_lock(pwy_model *m);                              /* the closures of all sealed tasks */
/* PWY_E_FORMAT where a sealed task's closure is not what was sealed. */
pwy_status pw_task_check(const pwy_model *m, struct pw_net *net);

/* golden.c: a task keeps a few validation rows (training rows where it has none), or what it was taught one by one;
   sealed, the bytes of its answers to them; and answers them again. */
pwy_status pw_golden_keep(const pwy_model *m, struct pw_net *net);
pwy_status pw_golden_offer(const pwy_model *m, struct pw_net *net, const pwy_example *ex);  /* while there is room */
pwy_status pw_golden_answer(const pwy_model *m, struct pw_net *net);
pwy_status pw_golden_replay(const pwy_model *m, struct pw_net *net);     /* PWY_E_FORMAT: one differs */

/* --- a batch --- */
struct pw_item {
    struct pw_net *net;
    struct pw_encoded *part;            /* [n_parts] */
    struct pw_target target;
    int row, n_rows;                    /* its rows in the trunk; the first is the task's */
    int32_t *ids; int n_ids;            /* what it writes, in training and scoring */
    int first_write;                    /* the row, from `row`, that predicts ids[0] */
    int n_in;                           /* ids that are fed: n_ids - 1, or all of a prompt */
    int64_t text_bytes;                 /* that ids stand for */
};
struct pw_batch { int n; struct pw_item *item; int rows; int32_t *off, *prefix, *task; const struct pw_pathway **way;
    uint64_t *key; };                   /* (rows): the id of a text, else part and place */
static inline uint64_t pw_id_key(int32_t id) { return (uint64_t)id | 1ull << 40; }

/* Encodes one example for a net: parts, then the target when `with_target`. rng NULL: no augmentation. */
pwy_status pw_item_encode(const pwy_model *m, struct pw_net *net, const pwy_example *ex, bool with_target,
                          struct pw_rng *rng, struct pw_arena *arena, struct pw_item *out);
/* Lays the encoded items out as one ragged batch. */
pwy_status pw_batch_layout(struct pw_batch *b, struct pw_arena *arena);

/* --- a pass --- */
struct pw_group;                        /* items of one task */
struct pw_pass {
    const pwy_model *model; struct pw_exec *x; const struct pw_batch *batch;
    struct pw_ragged ragged;
    real *in, *out;                     /* (rows, d): the trunk's */
    struct pw_routes **routes;          /* [layers] */
    struct pw_trunk_keep *keep;
    struct pw_group *group; int n_groups;
    double aux_loss;
};
struct pw_group {                       /* pass.c, head.c */
    struct pw_net *net; int n; const struct pw_item **item; int *index;     /* [n] in the batch */
    struct pw_stem *stem;               /* [n_parts] */
    real *feature, *normed, *stat, *trunk, *wide;   /* (n, 2 d), (n, 2 d), (n, 2), (n, outputs), (n, outputs) */
};
struct pw_stem { int n; const struct pw_encoded **in; int *which; real *rows, *wide; void *keep; int n_rows; };

pwy_status pw_pass_forward(struct pw_pass *p, const pwy_model *m, struct pw_exec *x, const struct pw_batch *b);
/* Losses and the whole way back. weight (n): of each item. loss (n): the trunk's and the wide path's, by item (wide
   NaN where there is none). */
pwy_status pw_pass_backward(struct pw_pass *p, const real *weight, double *trunk_loss, double *wide_loss);
/* Losses alone, for scoring: of the writers' texts in nats, by item. */
pwy_status pw_pass_write_loss(struct pw_pass *p, double *nats);
/* wide_scale * wide + trunk_scale * trunk of item i of a group, into out (outputs). */
void pw_group_fuse(const struct pw_group *g, int i, double wide_scale, double trunk_scale, real *out);
/* Parameters that one item's answer read. */
int64_t pw_pass_active(const struct pw_pass *p, const struct pw_item *item);

/* head.c */
pwy_status pw_read_out(struct pw_pass *p, struct pw_group *g);
pwy_status pw_read_out_back(struct pw_pass *p, struct pw_group *g, const real *dlogits, real *dout);
pwy_status pw_wide(struct pw_pass *p, struct pw_group *g);
pwy_status pw_wide_back(struct pw_pass *p, struct pw_group *g, const real *dwide, real **dstem);

/* writer.c: next-token loss over rows (n, d) by tied embeddings, in blocks of rows so that the logits (n, vocab) never
   stand whole. dh (n, d) NULL: loss alone. */
pwy_status pw_writer(struct pw_exec *x, int n, int d, const real *h, struct pw_param *embed,
                     const struct pw_packed *vocab,
                     const int32_t *target, const real *weight, double *loss, real *dh);

/* generate.c: continues an item, greedy (temperature 0) or by sampling; text is the caller's. */
struct pw_generate { int64_t max_new; double temperature; uint64_t seed; };
pwy_status pw_generate(const pwy_model *m, struct pw_exec *x, const struct pw_item *item,
                       const struct pw_generate *how, char **text, int64_t *n_new, struct pw_pass *pass);
#endif
