/* The bar that a run shows, and Ctrl-C. */
#include "cli.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24 };
static bool open_line;                  /* a bar stands on the terminal's last line */
static double last_shown = -1;
static pwy_trainer *volatile running;

void cli_line_break(void)
{
    if (open_line) fputc('\n', stderr);
    open_line = false;
}

static void clock_text(double seconds, char out[32])
{
    if (!isfinite(seconds)) seconds = 0;
    long s = (long)(seconds + .5);
    if (s >= 3600) snprintf(out, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else snprintf(out, 32, "%ld:%02ld", s / 60, s % 60);
}

/* As many tasks' running scores as the line has room for; with many tasks a few at a time, in turn. */
static void task_scores(const pwy_progress *p, char *out, size_t cap)
{
    int64_t n = pwy_progress_task_count(p);
    size_t len = 0;
    int64_t first = n > 4 ? (int64_t)(pwy_progress_seconds(p) / 2) * 4 % n : 0;
    for (int64_t i = 0; i < n && i < 4; i++) {
        int64_t task = (first + i) % n;
        double score = pwy_progress_task_score(p, task);
        if (isnan(score)) continue;
        int more = snprintf(out + len, cap - len, "  %.12s %.3g", pwy_progress_task_name(p, task), score);
        if (more < 0 || (size_t)more >= cap - len) break;
        len += (size_t)more;
    }
    out[len] = '\0';
}

static void show_bar(const pwy_progress *p)
{
    char bar[BAR + 1], left[32], scores[128] = "";
    int full = (int)(pwy_progress_share(p) * BAR);
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    clock_text(pwy_progress_seconds_left(p), left);
    task_scores(p, scores, sizeof scores);
    fprintf(stderr, "\r%s [%s] %3.0f%%  loss %.3f  %s left%s\033[K", pwy_progress_phase(p), bar, 100 * pwy_progress_share(p),
            pwy_progress_loss(p), left, scores);
    open_line = true;
}

/* Into a file or a pipe: a line every ten seconds. */
static void show_line(const pwy_progress *p)
{
    char left[32], scores[128] = "";
    double now = pwy_progress_seconds(p);
    if (last_shown >= 0 && now - last_shown < 10) return;
    last_shown = now;
    clock_text(pwy_progress_seconds_left(p), left);
    task_scores(p, scores, sizeof scores);
    fprintf(stderr, "%s %3.0f%%  step %lld  loss %.3f  %s left%s\n", pwy_progress_phase(p), 100 * pwy_progress_share(p),
            (long long)pwy_progress_step(p), pwy_progress_loss(p), left, scores);
}

int cli_progress(const pwy_progress *p, void *user)
{
    (void)user;
    if (isatty(STDERR_FILENO)) show_bar(p);
    else show_line(p);
    return 0;
}

void cli_progress_end(void)
{
    cli_line_break();
}

static void on_interrupt(int signal_number)
{
    pwy_trainer *t = running;
    if (t == NULL) _exit(128 + signal_number);
    running = NULL;
    pwy_trainer_cancel(t);
}

void cli_catch_interrupt(pwy_trainer *trainer)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    running = trainer;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_release_interrupt(void)
{
    running = NULL;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}
