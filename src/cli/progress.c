/* What a run says of itself on standard error, and Ctrl-C. */
#include "cli.h"
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 20, SHOWN = 4, NAME = 14 };    /* tasks shown at a time, characters of a task's name */
static bool open_line;                      /* a line that will be written over stands on the terminal */
static double last_shown = -1;
static pwy_trainer *volatile running;

/* --- a line that the next one replaces --- */

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 8 ? size.ws_col : 80;
}

/* Bytes of `text` that take at most `most` columns. */
static int fitting(const char *text, int most)
{
    int at = 0;
    for (int used = 0; text[at] != '\0'; at++) {
        bool begins = ((unsigned char)text[at] & 0xC0) != 0x80;
        if (begins && used++ == most) break;
    }
    return at;
}

static void replace_line(const char *text)
{
    fprintf(stderr, "\r%.*s\033[K", fitting(text, columns() - 1), text);
    open_line = true;
}

void cli_line_break(void)
{
    if (open_line) fputc('\n', stderr);
    open_line = false;
}

void cli_line_clear(void)
{
    if (open_line) fputs("\r\033[K", stderr);
    open_line = false;
}

void cli_passing(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (isatty(STDERR_FILENO)) replace_line(text);
}

/* --- the bar --- */

static void clock_text(double seconds, char out[32])
{
    if (!isfinite(seconds)) seconds = 0;
    long s = (long)(seconds + .5);
    if (s >= 3600) snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
}

/* A few tasks' running scores; with many tasks in turn. */
static void task_scores(const pwy_progress *p, char *out, size_t cap)
{
    int64_t n = pwy_progress_task_count(p);
    size_t len = 0;
    int64_t first = n > SHOWN ? (int64_t)(pwy_progress_seconds(p) / 2) * SHOWN % n : 0;
    out[0] = '\0';
    for (int64_t i = 0; i < n && i < SHOWN; i++) {
        int64_t task = (first + i) % n;
        const char *name = pwy_progress_task_name(p, task);
        double score = pwy_progress_task_score(p, task);
        if (isnan(score)) continue;
        int more = snprintf(out + len, cap - len, "  %.*s %.3g", fitting(name, NAME), name, score);
        if (more < 0 || (size_t)more >= cap - len) break;
        len += (size_t)more;
    }
    out[len] = '\0';
}

static const char *phase_text(const pwy_progress *p)
{
    return strcmp(pwy_progress_phase(p), "choose") == 0 ? "mixing" : "training";
}

/* Of a run that learns which experts a task needs. */
static void sets_text(const pwy_progress *p, char out[48])
{
    int64_t n = pwy_progress_candidates(p);
    out[0] = '\0';
    if (n > 0) snprintf(out, 48, "  %lld candidates", (long long)n);
}

static void show_bar(const pwy_progress *p)
{
    char bar[BAR + 1], left[32], sets[48], scores[256], line[512];
    int full = (int)(pwy_progress_share(p) * BAR);
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    clock_text(pwy_progress_seconds_left(p), left);
    task_scores(p, scores, sizeof scores);
    sets_text(p, sets);
    snprintf(line, sizeof line, "%-8s [%s] %3.0f%%  %s left  loss %.3f%s%s", phase_text(p), bar,
             100 * pwy_progress_share(p), left, pwy_progress_loss(p), sets, scores);
    replace_line(line);
}

/* Into a file or a pipe: a line every ten seconds. */
static void show_line(const pwy_progress *p)
{
    char left[32], sets[48], scores[256];
    double now = pwy_progress_seconds(p);
    if (last_shown >= 0 && now - last_shown < 10) return;
    last_shown = now;
    clock_text(pwy_progress_seconds_left(p), left);
    task_scores(p, scores, sizeof scores);
    sets_text(p, sets);
    fprintf(stderr, "%-8s %3.0f%%  step %lld  %s left  loss %.3f%s%s\n", phase_text(p), 100 * pwy_progress_share(p),
            (long long)pwy_progress_step(p), left, pwy_progress_loss(p), sets, scores);
}

int cli_progress(const pwy_progress *p, void *user)
{
    (void)user;
    if (isatty(STDERR_FILENO)) show_bar(p);
    else show_line(p);
    return 0;
}

/* --- Ctrl-C --- */

static void on_interrupt(int signal_number)
{
    pwy_trainer *t = running;
    if (t == NULL) _exit(128 + signal_number);
    running = NULL;
    pwy_trainer_cancel(t);
}

static void on_early_interrupt(int signal_number)
{
    static const char text[] = "\ninterrupted before the first step: there is nothing to save\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(128 + signal_number);
}

static void catch(void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_catch_early(void)
{
    catch(on_early_interrupt);
}

void cli_catch_interrupt(pwy_trainer *trainer)
{
    running = trainer;
    catch(on_interrupt);
}

void cli_release_interrupt(void)
{
    running = NULL;
    catch(SIG_DFL);
}
