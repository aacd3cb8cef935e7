/* The program `pathways`: one file a command, on the public headers alone. */
#ifndef PW_CLI_H
#define PW_CLI_H
#include <pathways/pathways.h>
#include <stdbool.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };   /* exit status */

/* A flag of a command: its value goes into *value (NULL: a flag without one, *given says so). */
struct cli_flag { const char *name; const char **value; bool *given; };
struct cli_command { const char *name, *usage, *what; int (*run)(int argc, char **argv); };
extern const struct cli_command cli_commands[];

/* Sorts argv into flags and plain arguments (argv is reordered: plain ones first, *argc becomes their number). `--`
   ends the flags; `--name=value` works. `rest`: a flag that is not listed is put there as an option of that name with
   its value; NULL: it is an error. False: a message was printed. */
bool cli_flags(const struct cli_command *c, int *argc, char **argv, const struct cli_flag *flags, pwy_options *rest);
int64_t cli_processors(void);                           /* how many threads to use unless told otherwise */
int cli_help(const struct cli_command *c, const char *more);
int cli_fail(void);                                     /* prints the library's last message; CLI_FAILED */
int cli_fail_option(pwy_status status);                 /* of an option's value: CLI_USAGE where that is wrong */
int cli_usage(const struct cli_command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
const struct cli_command *cli_command(const char *name);
/* A context of so many threads (for those commands that do not say their own), with the media decoders where this build
   has them. Its log goes to standard error; quiet: without what is only told in passing. NULL: a message was
   printed. */
pwy_context *cli_context(int64_t threads, bool quiet);
bool cli_set(pwy_options *o, const char *name, const char *value);       /* nothing for value NULL */

/* progress.c: lines that the next one replaces, where standard error is a terminal; Ctrl-C. */
int cli_progress(const pwy_progress *p, void *user);
/* Says what goes on; nothing into a file. */
void cli_passing(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_line_break(void);                              /* keeps such a line, before others come */
void cli_line_clear(void);                              /* takes it away */
void cli_catch_early(void);                             /* until the next: Ctrl-C says that there is nothing to save */
void cli_catch_interrupt(pwy_trainer *trainer);         /* Ctrl-C cancels the run; a second one ends the program */
void cli_release_interrupt(void);

/* matrix.c: the matrix of scores that `eval --matrix` keeps in a file. False: a message was printed. */
struct cli_scored { char *task; int higher_is_better; double score; };
/* A row of the n scores, after the task of that name, or the last of tasks (NULL); new tasks in the order of tasks. */
bool cli_matrix_add(const char *path, const char *after, const pwy_registry *tasks, const struct cli_scored *scored,
                    int n);
/* The scores of a model that has learned nothing; tasks that the matrix does not have are added, in the model's
   order. */
bool cli_matrix_baseline(const char *path, const pwy_registry *tasks, const struct cli_scored *scored, int n);
/* make: an empty one where there is no file. */
bool cli_matrix_read(const char *path, bool make, pwy_continual **out);
bool cli_matrix_write(const pwy_continual *matrix, const char *path);
/* predict_any.c: predict without a task's name, of a model with several. argc at least 1; both of the caller's. */
struct cli_any { pwy_model *model; pwy_session *session; pwy_example *example; const pwy_registry *tasks;
    bool json, ranking; };
pwy_status cli_read_text(pwy_example *example, const char *part);      /* predict.c: from standard input */
pwy_status cli_predict_any(struct cli_any *a, int argc, char **argv);

int cli_train(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_predict(int argc, char **argv);
int cli_seal(int argc, char **argv);
int cli_add(int argc, char **argv);
int cli_continual(int argc, char **argv);
int cli_extract(int argc, char **argv);
int cli_forget(int argc, char **argv);
int cli_rename(int argc, char **argv);
int cli_prune(int argc, char **argv);
int cli_grow(int argc, char **argv);
int cli_merge(int argc, char **argv);
int cli_inspect(int argc, char **argv);
int cli_quantize(int argc, char **argv);
int cli_upcycle(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_pack(int argc, char **argv);
#endif
