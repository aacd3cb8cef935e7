#!/bin/sh
# `pathways add` and `pathways seal`, killed (SIGKILL) again and again: as they are about to make any of their calls to
# the system that change files (tests/kill_at.c counts them), and after more and more milliseconds. Each time the model
# opens, every byte of it is as it was written, it has what it had or all that it was to have, what was sealed has the
# digest that it had, and the next run is not hindered by what lies about. A few seconds. POINTS (32) is how many calls
# of each command, DELAYS (10) how many delays, COMMANDS (add seal), SHAPE the model's shape; PATHWAYS_PROGRAM names
# another program.
LC_ALL=C; export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${top_builddir:-.}" && pwd)
program=${PATHWAYS_PROGRAM:-$build/pathways}
[ -x "$program" ] || { echo "there is no $program to test"; exit 77; }
points=${POINTS:-32} delays=${DELAYS:-10}
work=$(mktemp -d "${TMPDIR:-/tmp}/pathways-kill.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP TERM INT
cd "$work" || exit 99
# Not libtool's script, which takes longer than what is killed here.
if [ -z "${PATHWAYS_PROGRAM:-}" ] && [ -x "$build/.libs/pathways" ]; then
    program=$build/.libs/pathways
    LD_LIBRARY_PATH=$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; export LD_LIBRARY_PATH
fi

failed=0 killed=0 before=0 after=0
no() { failed=$((failed + 1)); echo "FAILED $*"; sed 's/^/  /' err 2> /dev/null | head -n 5; }
die() { echo "FAILED $*"; sed 's/^/  /' err 2> /dev/null; exit 1; }

# --- a model of two tasks, and a third ---

write_rows() {
    awk 'BEGIN { srand(1); print "label,text"; split("alpha beta gamma delta loud quiet green blue river stone", w, " ")
        for (i = 0; i < 60; i++) {
            line = ""
            for (k = 0; k < 5; k++) line = line " " w[1 + int(rand() * 5) + 5 * (i % 2)]
            print (i % 2 ? "high" : "low") "," line
        } }' > rows.csv
}
shape='{d: 16, layers: 1, heads: 1, experts: 4, topk: 1, hidden: 16, vocab: 270}'
task() { echo "  $1: {kind: classify, parts: {text: text}, train: rows.csv, target: label}"; }
train='train: {steps: 2, batch: 8, threads: 1}'
write_rows
{ echo "model: ${SHAPE:-$shape}"; echo "$train"; echo tasks:; task old; task older; } > old.yaml
{ echo "$train"; echo tasks:; task new; } > new.yaml
"$program" train old.yaml -o trained.pathways --quiet > /dev/null 2> err || die "train"
"$program" seal trained.pathways -o sealed.pathways > digests 2> err || die "seal"
[ "$(wc -l < digests)" = 2 ] || die "seal: two digests would be right"

# --- what is done, what is there before it, and what is to be there ---

fresh() { cp "$1.pathways" m.pathways; rm -f m.pathways.delta*; }
again() { case $command in add) fresh sealed ;; seal) fresh trained ;; esac; }
doing() { case $command in add) set -- add m.pathways new.yaml --quiet ;; seal) set -- seal m.pathways --quiet ;; esac; echo "$@"; }
# The sealed tasks' digests and names, as seal prints them.
sealed_now() { "$program" inspect m.pathways --json 2> err | sed -n 's/.*"task":"\([^"]*\)".*"digest":"\([0-9a-f]*\)".*/\2  \1/p'; }
count_now() { "$program" inspect m.pathways --json 2>> err | grep -c '"kind":"task"'; }

# whole WHAT: the model is what it was, or what it was to be; then it is put back.
whole() {
    "$program" verify m.pathways > out 2> err || { no "$1: the file does not verify: $(head -n 1 out)"; again; return; }
    sealed_now > now
    case $command in
    add) [ "$(head -n 2 now)" = "$(cat digests)" ] || no "$1: the digest of an old task changed"; is_new=$(($(wc -l < now) - 2)) ;;
    seal) if [ -s now ]; then cmp -s now digests || no "$1: sealed otherwise"; is_new=1; else is_new=0; fi ;;
    esac
    case $command$is_new in
    add0|seal0) before=$((before + 1)) ;;
    add1|seal1) after=$((after + 1)); again ;;
    *) no "$1: neither what it was nor what it was to be: $(cat now)"; again ;;
    esac
}

# --- killed ---

# At every step-th call of N, the last first: what comes after the rename is little.
at_calls() {
    again
    # shellcheck disable=SC2046
    n=$(./kill_at 0 "$program" $(doing) 2>&1 > /dev/null | tail -n 1)
    again
    step=$((n > points ? n / points : 1)) at=$n
    [ "$n" -gt 30 ] || no "$command: only $n calls change files; more would be right"
    while [ "$at" -gt 0 ]; do
        # shellcheck disable=SC2046
        ./kill_at "$at" "$program" $(doing) > out 2> err
        [ $? = 137 ] && killed=$((killed + 1)) || no "$command: not killed at call $at of $n"
        whole "$command at call $at of $n"
        at=$((at - step))
    done
}

# After more and more milliseconds, up to what a whole run takes.
at_times() {
    again
    from=$(date +%s%N)
    # shellcheck disable=SC2046
    "$program" $(doing) > out 2> err
    most=$((($(date +%s%N) - from) / 1000000 + 2)) k=1
    again
    while [ $k -le "$delays" ]; do
        ms=$((most * k / delays))
        # shellcheck disable=SC2046
        timeout -s KILL "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000 > 0 ? ms % 1000 : 1)))" "$program" $(doing) \
            > out 2> err && again || killed=$((killed + 1))
        whole "$command after $ms ms"
        k=$((k + 1))
    done
}

# What was left by all that does not hinder.
at_last() {
    # shellcheck disable=SC2046
    "$program" $(doing) > out 2> err || no "$command, after all: exit $?"
    was=$after
    whole "$command, after all"
    [ $after = $((was + 1)) ] || no "$command, after all: it has not what it was to have"
    for left in .m.pathways*; do [ ! -e "$left" ] || no "$command, after all: $left is left over"; done
}

"${CC:-cc}" -O -o kill_at "$here/kill_at.c" 2> err && ./kill_at 0 true 2> /dev/null
case $? in 0) watched=yes ;; *) watched=; echo "no calls are counted here: no compiler, or ptrace is not allowed" ;; esac
for command in ${COMMANDS:-add seal}; do
    again
    [ -z "$watched" ] || at_calls
    at_times
    at_last
    [ $before -gt 0 ] && { [ -z "$watched" ] || [ $after -gt 1 ]; } || no "$command: killed only before, or only after: $before and $after"
    echo "$command: killed $killed times; as it was $before times, as it was to be $after times"
    killed=0 before=0 after=0
done
[ $failed = 0 ]
