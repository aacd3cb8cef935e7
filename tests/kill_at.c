/* Runs a program and kills it (SIGKILL) as it is about to make its N-th call to the system that changes files; N = 0
   lets it end and says on stderr how many such calls it made. Exits as the program, with 137 where it was killed, with
   125 where it cannot be watched (ptrace is not allowed here).
     kill_at N PROGRAM [ARGUMENT...]
   Calls of its first thread are counted, in the program and in what it becomes by exec. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const long changing[] = {
    SYS_write, SYS_pwrite64, SYS_writev, SYS_ftruncate, SYS_fsync, SYS_fdatasync, SYS_fchmod, SYS_fchown, SYS_flock,
#ifdef SYS_rename
    SYS_rename, SYS_unlink,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
    SYS_renameat2, SYS_unlinkat, SYS_openat,
};

/* What is written to the standard streams changes no file of the model. */
static int changes(const struct __ptrace_syscall_info *s)
{
    long call = (long)s->entry.nr;
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
        if (changing[i] != call) continue;
        if (call == SYS_write || call == SYS_writev) return s->entry.args[0] > 2;
        return call != SYS_openat || (s->entry.args[2] & O_CREAT) != 0;
    }
    return 0;
}

static int is_change(pid_t child)
{
    struct __ptrace_syscall_info s;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof s, &s) <= 0) return 0;
    return s.op == PTRACE_SYSCALL_INFO_ENTRY && changes(&s);
}

/* The child's wait status at its end; -1: killed here. */
static int watch(pid_t child, long n, long *seen)
{
    int status, deliver;
    for (;;) {
        if (waitpid(child, &status, 0) != child) return -1;
        if (WIFEXITED(status) || WIFSIGNALED(status)) return status;
        deliver = WSTOPSIG(status);
        if (deliver == (SIGTRAP | 0x80)) {
            if (is_change(child) && ++*seen == n) {
                kill(child, SIGKILL);
                while (waitpid(child, &status, 0) == child && !WIFEXITED(status) && !WIFSIGNALED(status)) ;
                return -1;
            }
            deliver = 0;
        } else if (deliver == SIGTRAP) {
            deliver = 0;
        }
        ptrace(PTRACE_SYSCALL, child, NULL, (void *)(long)deliver);
    }
}

int main(int argc, char **argv)
{
    int status;
    long seen = 0, n = argc > 2 ? atol(argv[1]) : -1;
    if (n < 0) return fprintf(stderr, "usage: kill_at N PROGRAM [ARGUMENT...]\n"), 2;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(125);
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return 125;
    if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0) {
        kill(child, SIGKILL);
        return 125;
    }
    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    status = watch(child, n, &seen);
    if (n == 0) fprintf(stderr, "%ld\n", seen);
    return status < 0 ? 137 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
