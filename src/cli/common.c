/* What the commands share: flags, messages, the context. */
#include "../base/nearest.h"
#include "cli.h"
#include "config.h"
#ifdef HAVE_MEDIA
#include <pathways/media.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- messages --- */

int cli_fail(void)
{
    cli_line_break();
    fprintf(stderr, "pathways: %s\n", pwy_error_message());
    return CLI_FAILED;
}

int cli_fail_option(pwy_status status)
{
    cli_fail();
    return status == PWY_E_ARGUMENT ? CLI_USAGE : CLI_FAILED;
}

int cli_usage(const struct cli_command *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "pathways %s: ", c->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nusage: pathways %s %s\n", c->name, c->usage);
    va_end(args);
    return CLI_USAGE;
}

int cli_help(const struct cli_command *c, const char *more)
{
    printf("usage: pathways %s %s\n\n%s", c->name, c->usage, more);
    return CLI_DONE;
}

/* --- flags --- */

static const struct cli_flag *find_flag(const struct cli_flag *flags, const char *name, size_t len)
{
    for (; flags->name != NULL; flags++)
        if (strlen(flags->name) == len && strncmp(flags->name, name, len) == 0) return flags;
    return NULL;
}

/* An option of the library's: its name has underscores where the flag has dashes. */
static bool set_rest(pwy_options *rest, const char *name, size_t len, const char *value)
{
    char key[64];
    if (len >= sizeof key) return false;
    for (size_t i = 0; i < len; i++) key[i] = name[i] == '-' ? '_' : name[i];
    key[len] = '\0';
    return pwy_options_set(rest, key, value) == PWY_OK;
}

enum { FLAGS = 64, LONGEST = 63 };

static void no_flag(const struct cli_command *c, const struct cli_flag *flags, const char *name, size_t len)
{
    const char *names[FLAGS + 1];
    char word[LONGEST + 1];
    int n = 0;
    for (; flags[n].name != NULL && n < FLAGS; n++) names[n] = flags[n].name;
    names[n] = NULL;
    snprintf(word, sizeof word, "%.*s", len > LONGEST ? LONGEST : (int)len, name);
    const char *near = pw_nearest(word, names);
    if (near == NULL) cli_usage(c, "no option '%.*s'", (int)len, name);
    else cli_usage(c, "no option '%.*s'; did you mean '%s'?", (int)len, name, near);
}

struct cursor { const struct cli_command *c; int argc; char **argv; int at; const struct cli_flag *flags;
    pwy_options *rest; };

/* The flag at the cursor, with its value behind `=` or in the next argument. */
static bool one_flag(struct cursor *u)
{
    const char *name = u->argv[u->at], *value = strchr(name, '=');
    size_t len = value != NULL ? (size_t)(value - name) : strlen(name);
    const struct cli_flag *flag = find_flag(u->flags, name, len);
    bool dashes = name[1] == '-';
    if (flag == NULL && (u->rest == NULL || !dashes))
        return no_flag(u->c, u->flags, name, len), false;
    if (flag != NULL && flag->value == NULL) return *flag->given = true;
    if (value != NULL) value++;
    else if (u->at + 1 < u->argc) value = u->argv[++u->at];
    else return cli_usage(u->c, "option '%s' needs a value", name), false;
    if (flag != NULL) return *flag->value = value, true;
    return set_rest(u->rest, name + 2, len - 2, value) || (cli_usage(u->c, "option '%s' is too long", name), false);
}

bool cli_flags(const struct cli_command *c, int *argc, char **argv, const struct cli_flag *flags, pwy_options *rest)
{
    struct cursor u = {c, *argc, argv, 0, flags, rest};
    int plain = 0;
    bool ended = false;
    for (; u.at < u.argc; u.at++) {
        char *arg = argv[u.at];
        if (!ended && strcmp(arg, "--") == 0) ended = true;
        else if (ended || arg[0] != '-' || arg[1] == '\0') argv[plain++] = arg;
        else if (!one_flag(&u)) return false;
    }
    *argc = plain;
    return true;
}

bool cli_set(pwy_options *o, const char *name, const char *value)
{
    return value == NULL || pwy_options_set(o, name, value) == PWY_OK;
}

/* --- the context --- */

/* Looking through the data and training use every processor unless told otherwise: the model is the same for any. */
int64_t cli_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 64 ? 64 : n;
}

static void log_line(pwy_log_level level, const char *message, void *user)
{
    bool told = level > PWY_LOG_WARNING, quiet = user != NULL;
    if (level > PWY_LOG_INFO || (told && quiet)) return;
    if (told && isatty(STDERR_FILENO)) {
        cli_passing("%s", message);
        return;
    }
    cli_line_clear();
    fprintf(stderr, "%s%s\n", told ? "" : "pathways: ", message);
}

static pwy_status make_context(int64_t threads, pwy_context **out)
{
    pwy_options *o;
    pwy_status status = pwy_options_new(&o);
    if (status != PWY_OK) return status;
    status = pwy_options_set_int(o, "threads", threads);
    if (status == PWY_OK) status = pwy_context_new(o, out);
    pwy_options_free(o);
    return status;
}

pwy_context *cli_context(int64_t threads, bool quiet)
{
    static char yes;
    pwy_context *ctx;
    if (make_context(threads, &ctx) != PWY_OK) return cli_fail(), NULL;
    pwy_context_on_log(ctx, log_line, quiet ? &yes : NULL, NULL);
#ifdef HAVE_MEDIA
    if (pwy_media_register(ctx) != PWY_OK) {
        cli_fail();
        pwy_context_free(ctx);
        return NULL;
    }
#endif
    return ctx;
}
