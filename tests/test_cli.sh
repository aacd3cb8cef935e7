#!/bin/sh
# The program `pathways` as its user meets it: five senses learned from files that are made here, then every command,
# what it prints and the exit status that it ends with. Takes a few seconds. PATHWAYS_PROGRAM names another program.
LC_ALL=C; export LC_ALL
top_builddir=${top_builddir:-.}
program=${PATHWAYS_PROGRAM:-$top_builddir/pathways}
[ -x "$program" ] || { echo "there is no $program to test"; exit 77; }
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
work=$(mktemp -d "${TMPDIR:-/tmp}/pathways-cli.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP TERM
cd "$work" || exit 99
passed=0 failed=0

# --- what is expected ---

ok() { passed=$((passed + 1)); echo "ok $1"; }
no() {
    failed=$((failed + 1))
    echo "FAILED $1"
    for stream in out err; do [ ! -e $stream ] || sed "s/^/  $stream: /" $stream | head -n 20; done
}
check() { what=$1; shift; if "$@"; then ok "$what"; else no "$what"; fi; }
# run STATUS WHAT ARGUMENT...: the program's output goes to out and err.
run() {
    want=$1 what=$2; shift 2
    "$program" "$@" > out 2> err < /dev/null
    got=$?
    if [ $got -eq "$want" ]; then ok "$what: exit $want"; else no "$what: exit $got, not $want"; fi
}
says() { if grep -q -e "$2" err; then ok "$1: says '$2'"; else no "$1: does not say '$2'"; fi; }
prints() { if grep -q -e "$2" out; then ok "$1: prints '$2'"; else no "$1: does not print '$2'"; fi; }
lines() { check "$1: $2 lines" [ "$(wc -l < "$3")" -eq "$2" ]; }
one_line() { lines "$1" 1 err; }

# json_lines WHAT KEY...: every line of out is an object with these keys.
json_lines() {
    what=$1; shift
    [ -n "$(command -v python3)" ] || return 0
    if python3 -c '
import json, sys
lines = open("out").read().splitlines()
assert lines
for line in lines:
    row = json.loads(line)
    missing = [key for key in sys.argv[1:] if key not in row]
    assert not missing, (missing, line)
' "$@" 2> json.err; then ok "$what: JSON with $*"; else cat json.err; no "$what: not JSON with $*"; fi
}

# --- data: two classes for each sense ---

# bytes: numbers from standard input, as bytes.
bytes() { printf '%b' "$(awk '{ for (i = 1; i <= NF; i++) printf "\\0%03o", $i }')"; }

write_texts() {     # FILE COUNT SEED
    awk -v n="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        split("apple pear plum cherry grape", fruit); split("hammer saw drill wrench nail", tool)
        print "class\tmessage"
        for (i = 0; i < n; i++) {
            line = ""
            for (w = 0; w < 5; w++) line = line " " (i % 2 ? fruit[int(rand() * 5) + 1] : tool[int(rand() * 5) + 1])
            print (i % 2 ? "fruit" : "tool") "\ta" line
        }
    }' > "$1"
}

write_table() {
    awk -v n="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        print "width,colour,size"
        for (i = 0; i < n; i++)
            printf "%.3f,%s,%s\n", rand() + i % 2 * 2, rand() < .5 ? "red" : "blue", i % 2 ? "large" : "small"
    }' > "$1"
}

write_wav() {       # FILE STEP SEED: a saw of that step, 1200 samples of 16 bits at 8 kHz
    awk -v step="$2" -v seed="$3" '
        function four(x) { print x % 256, int(x / 256) % 256, int(x / 65536) % 256, 0 }
        BEGIN {
            srand(seed)
            print 82, 73, 70, 70; four(36 + 2400); print 87, 65, 86, 69, 102, 109, 116, 32; four(16)
            print 1, 0, 1, 0; four(8000); four(16000); print 2, 0, 16, 0, 100, 97, 116, 97; four(2400)
            for (i = 0; i < 1200; i++) { x = (i * step + int(rand() * 400)) % 16384; print x % 256, int(x / 256) }
        }' | bytes > "$1"
}

write_pgm() {       # FILE BRIGHT SEED: the left or the right half is bright
    { printf 'P5 8 8 255\n'; awk -v bright="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < 64; i++) print int(rand() * 60) + ((i % 8 < 4) == bright) * 180
    }' | bytes; } > "$1"
}

write_records() {   # FILE LABELS COUNT SEED
    awk -v n="$3" -v seed="$4" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) for (j = 0; j < 32; j++) print int(rand() * 100) + i % 2 * 120
    }' | bytes > "$1"
    awk -v n="$3" 'BEGIN { for (i = 0; i < n; i++) print i % 2 ? "high" : "low" }' > "$2"
}

write_data() {
    mkdir -p data
    for split in train test; do
        seed=1; count=40; [ $split = train ] || { seed=2; count=20; }
        write_texts data/text.$split.tsv $count $seed
        write_table data/table.$split.csv $count $seed
        write_records data/code.$split.bin data/code.$split.txt $count $seed
        mkdir -p data/sound/$split/low data/sound/$split/high data/picture/$split/left data/picture/$split/right
        for i in 1 2 3 4 5 6 7 8; do
            write_wav data/sound/$split/low/$i.wav 300 $seed$i; write_wav data/sound/$split/high/$i.wav 4000 $seed$i
            write_pgm data/picture/$split/left/$i.pgm 1 $seed$i; write_pgm data/picture/$split/right/$i.pgm 0 $seed$i
        done
    done
}

write_recipe() {
    cat > recipe.yaml <<RECIPE
data: data
model: {d: 16, layers: 1, heads: 2, experts: 2, topk: 1, hidden: 16, vocab: 257}
train: {minutes: 3, seed: 3, batch: 8, threads: 1}
tasks:
  kind of thing:
    kind: classify
    parts: {message: text}
    target: class
    train: text.train.tsv
    test: text.test.tsv
  size:
    kind: classify
    parts: {thing: table}
    target: size
    train: table.train.csv
    test: table.test.csv
  pitch:
    kind: classify
    parts: {sound: audio}
    train: sound/train
    test: sound/test
  side:
    kind: classify
    parts: {picture: image}
    train: picture/train
    test: picture/test
  code:
    kind: classify
    parts: {code: {sense: bytes, record: 32}}
    train: {code: code.train.bin, target: code.train.txt}
    test: {code: code.test.bin, target: code.test.txt}
RECIPE
}

# --- the commands ---

test_help() {
    run 0 "help" --help
    commands="train eval predict seal add extract forget rename prune grow merge continual inspect verify pack quantize upcycle bench"
    for command in $commands; do prints "help" "  $command "; done
    for command in $commands; do
        run 0 "$command --help" $command --help
        prints "$command --help" "^usage: pathways $command"
        prints "$command --help" "Exit status"
        run 2 "$command alone" $command
        says "$command alone" "usage: pathways $command"
        run 2 "$command with an unknown option" $command --frobnicate=1 x y
        [ $command = bench ] || says "$command with an unknown option" "no option '--frobnicate'"
    done
    run 0 "--version" --version
    prints "--version" "^pathways [0-9]"
    run 2 "no command"
    run 2 "an unknown command" fly
    says "an unknown command" "no command 'fly'"
    run 2 "a mistyped command" trian
    says "a mistyped command" "no command 'trian'; did you mean 'train'?"
    one_line "a mistyped command"
    run 2 "a mistyped option" seal one.pathways --tolerence 0.1
    says "a mistyped option" "no option '--tolerence'; did you mean '--tolerance'?"
}

test_train() {
    run 0 "train" train recipe.yaml -o one.pathways --steps 60
    says "train" "looking through the data: task 'size'"
    says "train" "one.pathways: 5 tasks, .* parameters, 60 steps"
    check "train writes a model" [ -s one.pathways ]
    check "train leaves no checkpoint" [ ! -e one.pathways.checkpoint ]
    run 0 "train --quiet" train --quiet --steps=60 --threads 2 -o again.pathways recipe.yaml
    lines "train --quiet" 0 err
    check "the same seed gives the same file on two threads" cmp one.pathways again.pathways
    run 0 "--resume of a finished run" train recipe.yaml -o one.pathways --resume
    says "--resume of a finished run" "one.pathways is finished"
    run 1 "--resume of nothing" train recipe.yaml -o other.pathways --resume
    says "--resume of nothing" "there is no other.pathways.checkpoint"
    mv data elsewhere
    run 0 "--data" train recipe.yaml -o again.pathways --steps 2 --data elsewhere --quiet
    mv elsewhere data
}

# Waits until the file holds a line of progress.
wait_for_step() {
    tries=0
    until grep -q "step" "$1" || [ $tries -ge 300 ]; do tries=$((tries + 1)); sleep .1; done
}

test_interrupt() {
    run 0 "a run that nothing stops" train recipe.yaml -o whole.pathways --steps 600 --quiet
    : > progress
    "$program" train recipe.yaml -o parts.pathways --steps 600 2> progress &
    pid=$!
    wait_for_step progress
    kill -INT $pid
    wait $pid
    status=$?
    cp progress err
    check "interrupted: exit 130, not $status" [ $status -eq 130 ]
    says "interrupted" "go on with: pathways train recipe.yaml -o parts.pathways --resume"
    check "interrupted: a checkpoint is left" [ -s parts.pathways.checkpoint ]
    check "interrupted: no model yet" [ ! -e parts.pathways ]
    run 2 "--resume with other steps" train recipe.yaml -o parts.pathways --resume --steps 7
    run 0 "--resume" train recipe.yaml -o parts.pathways --resume --quiet
    check "a run in two parts gives the same file" cmp whole.pathways parts.pathways
    check "--resume takes the checkpoint away" [ ! -e parts.pathways.checkpoint ]
    run 0 "--resume again" train recipe.yaml -o parts.pathways --resume
    says "--resume again" "finished"
}

test_eval() {
    run 0 "eval" eval one.pathways recipe.yaml
    lines "eval" 6 out
    prints "eval" "^task .*senses .*metric .*score .*baseline"
    prints "eval" "^size .*table .*accuracy"
    check "eval: the same columns in every line" [ "$(awk '{ print length($0) }' out | sort -u | wc -l)" -eq 1 ]
    run 0 "eval --json" eval one.pathways recipe.yaml --json
    lines "eval --json" 5 out
    json_lines "eval --json" task senses metric higher_is_better score baseline n active_params total_params flops
    mv out first
    run 0 "eval --json on two threads" eval --threads 2 --json one.pathways recipe.yaml
    check "eval: the same on two threads" cmp first out
    run 0 "eval --task" eval one.pathways recipe.yaml --task size --split train
    lines "eval --task" 2 out
    run 0 "eval --matrix" eval one.pathways recipe.yaml --task size --matrix scores.json --after size
    run 0 "eval --matrix again" eval one.pathways recipe.yaml --matrix scores.json
    run 0 "continual" continual scores.json
    lines "continual" 6 out
    prints "continual" "^size  *[0-9.]*  *-  *-  *-  "
    run 0 "continual --json" continual scores.json --json
    json_lines "continual --json" tasks higher_is_better baseline matrix figures
    rm -f scores.json
    run 0 "eval --baseline" eval one.pathways recipe.yaml --matrix scores.json --baseline
    run 0 "eval --matrix over a baseline" eval one.pathways recipe.yaml --matrix scores.json --after size
    run 0 "continual over a baseline" continual scores.json --json
    prints "continual over a baseline" '"baseline":\[[0-9.]*,[0-9.]*,'
    prints "tasks that are learned later have scores too" '"matrix":.*\[[0-9.]*,[0-9.]*,[0-9.]*,[0-9.]*,[0-9.]*\]'
    run 2 "eval --baseline without a matrix" eval one.pathways recipe.yaml --baseline
    run 1 "eval --matrix after a task that is not there" eval one.pathways recipe.yaml --matrix scores.json --after siz
    says "eval --matrix after a task that is not there" "'siz', learned last, was not scored"
    echo "no matrix" > wrong.json
    run 1 "continual of what is none" continual wrong.json
    says "continual of what is none" "wrong.json"
    run 1 "continual of no file" continual nosuch.json
    says "continual of no file" "nosuch.json"
    run 1 "eval of an unknown task" eval one.pathways recipe.yaml --task siz
    says "eval of an unknown task" "the nearest is 'size'"
    run 2 "eval of an unknown split" eval one.pathways recipe.yaml --split tset
    run 2 "eval with too many threads" eval one.pathways recipe.yaml --threads 5000
    says "eval with too many threads" "'threads' is 5000"
}

# answers MODEL TASK: what it says of one example, with its scores.
answers() {
    case $2 in
    "kind of thing") "$program" predict "$1" --task "$2" --json "an apple and a plum" ;;
    *) "$program" predict "$1" --task "$2" --json width=2.7 colour=red ;;
    esac
}

test_seal_and_add() {
    cp one.pathways sealed.pathways
    run 1 "seal of an unknown task" seal sealed.pathways --task siz
    says "seal of an unknown task" "nearest is 'size'"
    run 0 "seal" seal sealed.pathways
    lines "seal" 5 out
    prints "seal" '^[0-9a-f]\{64\}  size$'
    mv out digests
    run 0 "seal again" seal sealed.pathways
    check "seal again: the same digests" cmp digests out
    answers sealed.pathways size > was
    cat > more.yaml <<'RECIPE'
data: data
tasks:
  goods:
    kind: classify
    parts: {message: text}
    target: class
    train: text.train.tsv
    test: text.test.tsv
RECIPE
    cp sealed.pathways grown.pathways
    run 0 "add" add grown.pathways more.yaml --steps 20 --threads 1
    says "add" "6 tasks"
    answers grown.pathways size > is
    check "add: what was sealed answers the same" cmp was is
    run 0 "eval of what was added" eval grown.pathways more.yaml --json
    lines "eval of what was added" 1 out
    run 0 "add -o, of no given length" add sealed.pathways more.yaml --threads 2 -o other.pathways --quiet
    run 0 "inspect of what was added" inspect other.pathways
    prints "inspect of what was added" '^train: {steps: 400,'
    prints "inspect of what was added" '^goods: classify by message (text); [0-9]* labels: .*; sealed, experts a layer: [0-9]*$'
    cat grown.pathways* > before; cp sealed.pathways still
    run 1 "add of what is there" add grown.pathways more.yaml --steps 20
    says "add of what is there" "goods"
    run 1 "add within too little" add sealed.pathways more.yaml --steps 2 --parameters 5
    says "add within too little" "budget of 5 parameters is too small"
    run 1 "add within too few operations" add sealed.pathways more.yaml --steps 2 --operations 5
    says "add within too few operations" "budget of 5 operations is too small"
    check "add that fails: nothing is lost or left" sh -c "cat grown.pathways* | cmp - before && cmp sealed.pathways still \
        && [ ! -e sealed.pathways.delta1 ]"
    run 1 "add to nothing" add none.pathways more.yaml
    run 0 "extract" extract grown.pathways --task size -o size.pathways
    answers size.pathways size > is
    check "extract: the same answers" cmp was is
    check "extract: a small file" [ "$(wc -c < size.pathways)" -lt "$(wc -c < grown.pathways)" ]
    run 1 "extract of an unknown task" extract grown.pathways --task siz -o no.pathways
    check "extract of an unknown task: no file" [ ! -e no.pathways ]
    run 0 "rename" rename grown.pathways size extent -o renamed.pathways
    run 0 "predict by the new name" predict renamed.pathways --task extent width=2.7 colour=red
    run 0 "forget" forget grown.pathways --task goods -o less.pathways
    answers less.pathways size > is
    check "forget: the others answer the same" cmp was is
    run 0 "prune" prune less.pathways
    answers less.pathways size > is
    check "prune: the same answers" cmp was is
    cp less.pathways twice.pathways
    run 0 "prune again" prune twice.pathways
    check "prune again: nothing changes" cmp less.pathways twice.pathways
    run 0 "grow" grow less.pathways --experts 6 --noise 0.01
    says "grow" "less.pathways: [0-9]* parameters, of [0-9]*"
    answers less.pathways size > is
    check "grow: what is sealed answers the same" cmp was is
    run 0 "verify of what grew" verify less.pathways
    check "grow: a larger file" [ "$(wc -c < less.pathways)" -gt "$(wc -c < twice.pathways)" ]
    run 0 "prune of what grew" prune less.pathways
    check "prune: what no task reads goes" cmp less.pathways twice.pathways
    run 0 "extract what was added" extract grown.pathways --task goods -o goods.pathways
    run 0 "merge" merge sealed.pathways goods.pathways -o merged.pathways
    answers merged.pathways size > is
    check "merge: the same answers" cmp was is
    run 0 "merge of what both have" merge merged.pathways grown.pathways -o twice.pathways
    check "merge of what both have: each once" cmp merged.pathways twice.pathways
    run 0 "add the same name to another" add sealed.pathways more.yaml --steps 5 --seed 3 -o third.pathways --quiet
    run 1 "merge of two that differ" merge merged.pathways third.pathways -o no.pathways
    says "merge of two that differ" "both models have a task 'goods', and they are not the same"
    run 0 "train what is to be a stranger" train more.yaml -o strange.pathways --steps 2 --seed 5 --quiet
    run 0 "seal a stranger" seal strange.pathways
    run 1 "merge of other ancestry" merge sealed.pathways strange.pathways -o no.pathways
    says "merge of other ancestry" "only models that grew from one sealed model"
    check "merge that fails: no file, and the others as they were" sh -c "[ ! -e no.pathways ] && cmp sealed.pathways still"
    run 0 "train learned sets" train recipe.yaml -o sets.pathways --steps 8 --candidates 2 --narrow .5 --quiet
    run 0 "inspect of learned sets" inspect sets.pathways --json
    prints "inspect of learned sets" '"candidates":\[2'
    prints "inspect of learned sets" '"candidates":2,"narrow":0.5'
    run 1 "train sets of too many" train recipe.yaml -o none.pathways --steps 8 --candidates 99
    says "train sets of too many" "candidates is 99"
    run 0 "train one task of several" train recipe.yaml -o half.pathways --tasks size --steps 2 --quiet
    cp half.pathways still
    run 1 "seal what was not trained" seal half.pathways
    says "seal what was not trained" "has not been trained"
    check "seal that fails: the model is as it was" cmp half.pathways still
    run 0 "seal what was trained" seal half.pathways --task size
    rm -f still before strange.pathways half.pathways twice.pathways
}

test_grow() {
    run 0 "grow -o" grow one.pathways --experts 3 -o wide.pathways
    answers one.pathways size | sed 's/"[a-z]*_params[^,]*,//g; s/[0-9.]*[0-9]/N/g' > was
    answers wide.pathways size | sed 's/"[a-z]*_params[^,]*,//g; s/[0-9.]*[0-9]/N/g' > is
    check "grow: the same answer of an open task" cmp was is
    run 0 "inspect of what grew" inspect wide.pathways --json
    prints "inspect of what grew" '"experts":5'
    run 0 "train --from what grew" train recipe.yaml -o on.pathways --from wide.pathways --steps 60 --quiet
    run 0 "verify of what was trained on" verify on.pathways
    run 0 "seal of what was trained on" seal on.pathways
    cp one.pathways still
    run 2 "grow without experts" grow one.pathways
    says "grow without experts" "experts"
    run 2 "grow by none" grow one.pathways --experts 0
    says "grow by none" "at least 1 would be right"
    run 1 "grow by too many" grow one.pathways --experts 65535
    says "grow by too many" "at most 65534"
    run 2 "grow of a word that is not there" grow one.pathways --experts 2 --copy usde
    says "grow of a word that is not there" "used or random"
    run 1 "grow of nothing" grow none.pathways --experts 2
    run 0 "quantize before grow" quantize one.pathways -o packed.pathways
    run 1 "grow of a packed model" grow packed.pathways --experts 2
    says "grow of a packed model" "packed"
    run 0 "train of a dense model to grow" train dense.yaml -o dense.pathways --steps 2 --quiet
    run 1 "grow of a dense model" grow dense.pathways --experts 2
    says "grow of a dense model" "upcycle"
    check "grow that fails: the model is as it was" cmp one.pathways still
    rm -f still wide.pathways on.pathways packed.pathways dense.pathways
}

test_upcycle() {
    sed 's/experts: 2, topk: 1/experts: 0/' recipe.yaml > dense.yaml
    run 0 "train of a dense model" train dense.yaml -o dense.pathways --steps 20 --quiet
    run 0 "upcycle" upcycle dense.pathways -o sparse.pathways --experts 4
    says "upcycle" "sparse.pathways: [0-9]* parameters, of [0-9]*"
    answers dense.pathways size | sed 's/.*"label":"\([a-z]*\)".*/\1/' > was
    answers sparse.pathways size | sed 's/.*"label":"\([a-z]*\)".*/\1/' > is
    check "upcycle: the same answer" cmp was is
    run 0 "train --from" train dense.yaml -o on.pathways --from sparse.pathways --steps 10 --quiet
    run 0 "inspect of what was trained on" inspect on.pathways --json
    prints "inspect of what was trained on" '"experts":4'
    run 2 "train --from and --resume" train dense.yaml -o on.pathways --from sparse.pathways --resume
    run 0 "train --tasks" train dense.yaml -o on.pathways --from sparse.pathways --tasks size --steps 2 --quiet
    run 1 "train --tasks of none" train dense.yaml -o no.pathways --from sparse.pathways --tasks sise --steps 2 --quiet
    says "train --tasks of none" "size"
    sed 's/^  size:/  extent:/' dense.yaml > other.yaml
    run 1 "train --from over other tasks" train other.yaml -o no.pathways --from sparse.pathways --steps 1 --quiet
    says "train --from over other tasks" "size"
    run 2 "upcycle of topk over experts" upcycle dense.pathways -o no.pathways --experts 2 --topk 3
    says "upcycle of topk over experts" "topk 3 is more than experts 2"
    run 2 "upcycle with gates that do not sum to 1" upcycle dense.pathways -o no.pathways --experts 4 --topk 1
    says "upcycle with gates that do not sum to 1" "approximate"
    run 0 "upcycle --approximate" upcycle dense.pathways -o on.pathways --experts 4 --topk 1 --approximate
    run 1 "upcycle of a sparse model" upcycle sparse.pathways -o no.pathways --experts 4
    says "upcycle of a sparse model" "4 experts a layer already"
    run 2 "upcycle to nowhere" upcycle dense.pathways --experts 4
    run 2 "upcycle without experts" upcycle dense.pathways -o no.pathways
    check "upcycle: nothing is written" [ ! -e no.pathways ]
    rm -f dense.pathways sparse.pathways on.pathways
}

test_predict() {
    run 0 "predict text" predict one.pathways --task "kind of thing" "an apple and a plum"
    prints "predict text" '^\(fruit\|tool\) [01]\.[0-9]*$'
    run 0 "predict texts" predict one.pathways --task "kind of thing" "an apple" "a hammer"
    lines "predict texts" 2 out
    prints "predict texts" '^a hammer: '
    printf 'a saw, a drill' > words.txt
    run 0 "predict a text's file" predict one.pathways --task "kind of thing" words.txt --json
    json_lines "predict --json" task label scores active_params flops
    mv out first
    "$program" predict one.pathways --task "kind of thing" --json - < words.txt > out 2> err
    check "predict -: standard input" cmp first out
    run 0 "predict part=" predict one.pathways --task "kind of thing" --json "message=a saw, a drill"
    check "predict part=: the same" cmp first out
    run 0 "predict --" predict one.pathways --task "kind of thing" -- "--json is a saw"
    prints "predict --" '^\(fruit\|tool\) '
    run 0 "predict column=" predict one.pathways --task size width=2.7 colour=red
    prints "predict column=" '^large'
    run 0 "predict a row with a hole" predict one.pathways --task size width= colour=blue
    run 0 "predict a sound" predict one.pathways --task pitch data/sound/test/low/1.wav
    run 0 "predict pictures" predict one.pathways --task side data/picture/test/left/1.pgm data/picture/test/right/1.pgm
    lines "predict pictures" 2 out
    dd if=data/code.test.bin of=record.bin bs=32 count=1 2> /dev/null
    run 0 "predict bytes" predict one.pathways --task code --json code=record.bin
    json_lines "predict bytes" task label scores
}

# Without --task: the five tasks of five senses tell their examples apart by what they are.
test_predict_any() {
    run 0 "predict any: text" predict one.pathways "a apple pear grape cherry plum"
    prints "predict any: text" '^kind of thing: \(fruit\|tool\) '
    run 0 "predict any: files" predict one.pathways --ranking data/sound/test/low/1.wav data/picture/test/left/1.pgm
    json_lines "predict --ranking" task unknown ranking
    prints "predict any: a sound" '"task":"pitch"'
    prints "predict any: a picture" '"task":"side"'
    run 0 "predict any: column=" predict one.pathways --json width=2.700 colour=red
    json_lines "predict any: column=" task label scores
    run 0 "predict any: part=" predict one.pathways --ranking "message=a apple pear grape cherry plum"
    prints "predict any: part=" '"task":"kind of thing"'
    run 0 "predict any: unknown" predict one.pathways "§§ 17.300 ÄÖÜ -- 99 % ___ ## 2024-11"
    prints "predict any: unknown" '^unknown; like kind of thing 1.000'
    run 0 "predict any: unknown columns" predict one.pathways --json weight=3
    prints "predict any: unknown columns" '"unknown":true,"ranking":\[\]'
}

test_predict_badly() {
    run 2 "--ranking with --task" predict one.pathways --task side --ranking x
    run 1 "predict any: an empty text" predict one.pathways ""
    run 1 "predict an unknown task" predict one.pathways --task sides x
    says "predict an unknown task" "the nearest is 'side'"
    run 1 "predict an empty text" predict one.pathways --task "kind of thing" ""
    says "predict an empty text" "empty"
    run 1 "predict an unknown column" predict one.pathways --task size wdth=1
    says "predict an unknown column" "nearest is 'width'"
    run 1 "predict what is no number" predict one.pathways --task size width=wide
    says "predict what is no number" "column 'width': 'wide'"
    run 1 "predict infinity" predict one.pathways --task size width=inf
    says "predict infinity" "column 'width'"
    run 2 "predict with an unknown option" predict one.pathways --frobnicate=1 x
    run 1 "predict a missing picture" predict one.pathways --task side nosuch.pgm
    says "predict a missing picture" "nosuch.pgm"
    run 2 "predict nothing" predict one.pathways --task side
    printf 'P5 0 0 255\n' > empty.pgm
    run 1 "predict a picture of 0 by 0" predict one.pathways --task side empty.pgm
    one_line "predict a picture of 0 by 0"
    run 1 "predict from no model" predict nosuch.pathways --task side x
    head -c 2000 one.pathways > cut.pathways
    run 1 "predict from a model cut short" predict cut.pathways --task side x
    says "predict from a model cut short" "cut.pathways"
    run 2 "a temperature out of range" predict one.pathways --task size --temperature -1 width=1
    says "a temperature out of range" "'temperature' is -1"
}

test_quantize() {
    "$program" predict one.pathways --json --task size width=2 > want 2> /dev/null
    run 0 "quantize to f32" quantize one.pathways --dtype f32 -o packed.pathways
    run 0 "predict from f32 packed" predict packed.pathways --json --task size width=2
    check "packed floats answer the same" cmp -s want out
    run 0 "quantize" quantize one.pathways -o packed.pathways
    run 0 "predict from i8" predict packed.pathways --json --task size width=2
    run 1 "quantize to what is no dtype" quantize one.pathways --dtype i7 -o packed.pathways
    says "quantize to what is no dtype" "f32, bf16 and i8"
    run 1 "quantize twice" quantize packed.pathways -o again.pathways
    says "quantize twice" "packed already"
    run 2 "quantize to nowhere" quantize one.pathways
}

test_inspect() {
    run 0 "inspect" inspect one.pathways
    prints "inspect" "^model: {d: 16, layers: 1"
    prints "inspect" "^train: {steps: 60"
    prints "inspect" "^size: classify by thing (table); 2 labels:"
    prints "inspect" "^layer 0: [0-9.]* [0-9.]*$"
    run 0 "inspect --json" inspect one.pathways --json
    json_lines "inspect --json" kind
    lines "inspect --json" 7 out
    run 0 "inspect --sense" inspect one.pathways --sense table --state trained
    prints "inspect --sense" "^size: classify by thing (table); 2 labels:"
    lines "inspect --sense" 1 out
    run 0 "inspect --task --json" inspect one.pathways --task size --json
    json_lines "inspect --task --json" kind task state parts labels
    run 0 "inspect --state sealed" inspect one.pathways --state sealed
    lines "inspect --state sealed" 0 out
    run 2 "inspect --state asleep" inspect one.pathways --state asleep
    says "inspect --state asleep" "open, trained and sealed"
    run 1 "inspect of what is no model" inspect recipe.yaml
    one_line "inspect of what is no model"
}

# tensor_at MODEL TENSOR: where the bytes of the first of that name (a pattern) begin in the file.
tensor_at() {
    header=$(od -A n -t u8 -N 8 "$1" | tr -d ' ')
    offset=$(tail -c +9 "$1" | head -c "$header" | tr '}' '\n' |
        sed -n "s|.*\"$2\":{.*\"data_offsets\":\[\([0-9]*\),.*|\1|p" | head -n 1)
    echo $((8 + header + offset))
}
# damage MODEL AT: another byte there, in a copy.
damage() {
    cp "$1" two.pathways
    byte=$(od -A n -t u1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\$(printf %03o $(((byte + 1) % 256)))" | dd of=two.pathways bs=1 seek="$2" conv=notrunc 2> /dev/null
}

verify_sealed() {
    run 0 "verify what is sealed" verify sealed.pathways
    lines "verify what is sealed" 0 out
    for tensor in task/size/head.w trunk.0.qkv trunk.0.experts.w2 pathways.registry.names; do
        damage sealed.pathways "$(tensor_at sealed.pathways "$tensor")"
        run 1 "verify a changed byte of $tensor" verify two.pathways
        prints "verify a changed byte of $tensor" "two.pathways: $tensor "
        lines "verify a changed byte of $tensor" 1 out
    done
    damage sealed.pathways 20
    run 1 "verify a changed byte of the header" verify two.pathways
    prints "verify a changed byte of the header" "two.pathways: header"
    damage sealed.pathways "$(tensor_at sealed.pathways '__pad[^"]*')"
    run 1 "verify changed padding" verify two.pathways
    prints "verify changed padding" "padding"
}

test_verify() {
    run 0 "verify" verify one.pathways
    lines "verify" 0 out
    run 0 "pack" pack one.pathways
    cp one.pathways two.pathways
    head -c 1 /dev/zero | tr '\000' '\377' | dd of=two.pathways bs=1 seek=20 conv=notrunc 2> /dev/null
    run 1 "verify a damaged header" verify two.pathways
    prints "verify a damaged header" "two.pathways: header"
    one_line "verify a damaged header"
    cp one.pathways two.pathways
    printf 'x' | dd of=two.pathways bs=1 seek=$(($(wc -c < one.pathways) - 1)) conv=notrunc 2> /dev/null
    run 1 "verify damaged digests" verify two.pathways --json
    json_lines "verify damaged digests" file part why
    prints "verify damaged digests" '"part":"pathways.digests"'
    run 1 "verify what is not there" verify nowhere.pathways
    verify_sealed
    run 1 "pack what is not there" pack nowhere.pathways
    rm -f two.pathways
}

test_bench() {
    shape="--d 16 --layers 1 --heads 2 --hidden 16 --experts 2 --topk 1 --vocab 64 --dtype f32 --threads 1"
    run 0 "bench train" bench train $shape --seq 8 --batch 2 --steps 2
    json_lines "bench train" d layers heads hidden experts topk seq batch vocab dtype threads steps params ms tok_s \
        gemm_bound_ms gemm_blas_ms memory_bound_ms weight_bytes gradient_bytes moment_bytes minor_faults major_faults
    run 0 "bench train in bf16" bench train $shape --seq 8 --batch 2 --steps 2 --dtype bf16
    prints "bench train in bf16" '"dtype": "bf16"'
    run 0 "bench predict" bench predict $shape --seq 8 --batch 2 --steps 2
    json_lines "bench predict" d layers params ms tok_s
    for pack in true false; do
        run 0 "bench predict from a file" bench predict $shape --seq 8 --batch 2 --steps 2 --file w.$pack --pack $pack
        json_lines "bench predict from a file" resident_bytes minor_faults major_faults open_resident_bytes first_ms
        prints "bench predict from a file" '"weight_bytes": 0'
    done
    run 0 "bench decode from a file" bench decode $shape --batch 1 --seq 20 --new 4 --steps 2 --file w.true
    run 1 "bench predict from another shape's file" bench predict $shape --seq 8 --batch 2 --layers 2 --file w.true
    says "bench predict from another shape's file" "trunk.1"
    : > w.none
    run 1 "bench predict from what is no file of weights" bench predict $shape --seq 8 --batch 2 --file w.none
    run 2 "bench train from a file" bench train $shape --seq 8 --batch 2 --steps 2 --file w.true
    rm -f w.true w.false w.none
    run 0 "bench decode" bench decode $shape --batch 1 --seq 20 --new 4 --steps 2
    json_lines "bench decode" d layers new params ms tok_s
    run 2 "bench of a workload that is none" bench trian
    run 2 "bench with an unknown option" bench train --widht 3
    one_line "bench with an unknown option"
    run 2 "bench out of range" bench train --layers 0
    says "bench out of range" "layers"
}

# --- bad input: a clear line, and nothing touched ---

# bad WHAT PATTERN SED-SCRIPT: the recipe changed in this way is an error that says so; the model stays what it was.
bad() {
    sed "$3" recipe.yaml > bad.yaml
    cp one.pathways kept.pathways
    run 1 "$1" train bad.yaml -o kept.pathways --steps 2 --quiet
    one_line "$1"
    says "$1" "$2"
    check "$1: the model there is untouched" cmp one.pathways kept.pathways
    check "$1: no checkpoint" [ ! -e kept.pathways.checkpoint ]
}

test_bad_recipes() {
    bad "an unknown key" "bad.yaml:8: .*'tagret'.*'target'" 's/^    target: class/    tagret: class/'
    bad "an unknown key above" "bad.yaml:3: .*'trian'.*'train'" 's/^train:/trian:/'
    bad "an unknown key in train" "bad.yaml:3: .*'stepz'.*'steps'" 's/minutes: 3/stepz: 3/'
    bad "an unknown key in model" "bad.yaml:2: .*'layer'.*'layers'" 's/layers: 1/layer: 1/'
    bad "a task twice" "bad.yaml:[0-9]*: .*size" 's/^  pitch:/  size:/'
    bad "an unknown sense" "bad.yaml:[0-9]*: .*'imag'" 's/picture: image/picture: imag/'
    bad "an unknown kind" "bad.yaml:[0-9]*: .*'clasify'.*'classify'" 's/kind: classify/kind: clasify/'
    bad "a missing file" "bad.yaml:9: .*nosuch.tsv" 's/text.train.tsv/nosuch.tsv/'
    bad "a missing column" "bad.yaml:[0-9]*: .*'klass'" 's/target: class/target: klass/'
    bad "a value out of range" "'lr' is 99" 's/minutes: 3/lr: 99/'
    bad "a shape that does not fit" "heads" 's/heads: 2/heads: 3/'
    bad "no YAML" "bad.yaml:[0-9]*: " 's/^tasks:/tasks: {/'
    run 1 "a missing recipe" train nosuch.yaml -o kept.pathways
    says "a missing recipe" "nosuch.yaml"
    run 2 "an option out of range" train recipe.yaml -o kept.pathways --threads 0
    says "an option out of range" "'threads' is 0"
    run 2 "steps and minutes" train recipe.yaml -o kept.pathways --steps 3 --minutes 1
    run 2 "no output" train recipe.yaml
}

test_bad_places() {
    : > file
    run 1 "an output folder that is a file" train recipe.yaml -o file/one.pathways --steps 2
    one_line "an output folder that is a file"
    says "an output folder that is a file" "file/one.pathways"
    run 1 "an output folder that is not there" train recipe.yaml -o nowhere/one.pathways --steps 2
    says "an output folder that is not there" "nowhere/one.pathways"
    check "the file there is untouched" [ ! -s file ]
    printf '0 0 8 3 0 0 0 10 0 0 0 8 0 0 0 8 1 2 3' | bytes > data/cut.idx
    printf '0 0 8 1 0 0 0 10 0 1 0 1 0 1 0 1 0 1' | bytes > data/labels.idx
    bad "a truncated IDX" "cut.idx.*19 bytes\|cut.idx" 's/picture.train$/{picture: cut.idx, target: labels.idx}/'
}

test_bad_rows() {
    { cat data/text.train.tsv; printf 'fruit\n'; printf 'tool\t\n'; printf '\ta saw\n'; } > data/rows.tsv
    sed 's/text.train.tsv/rows.tsv/; s/text.test.tsv/rows.tsv/' recipe.yaml > rows.yaml
    run 0 "bad rows" train rows.yaml -o rows.pathways --steps 60
    for line in 42 43 44; do says "bad rows" "rows.tsv:$line: .*skipped"; done
    says "bad rows" "3 bad rows skipped"
    run 1 "too many bad rows" train rows.yaml -o few.pathways --steps 60 --max-bad-rows 2 --quiet
    says "too many bad rows" "max_bad_rows 2"
    check "too many bad rows: no model" [ ! -e few.pathways ]
    run 0 "eval of bad rows" eval rows.pathways rows.yaml --task "kind of thing"
    prints "eval of bad rows" "3 bad rows skipped"
    says "eval of bad rows" "rows.tsv:44: .*skipped"
    run 1 "eval of too many bad rows" eval rows.pathways rows.yaml --task "kind of thing" --max-bad-rows 2
}

write_data
write_recipe
test_help
test_train
test_interrupt
test_eval
test_seal_and_add
test_predict
test_predict_any
test_predict_badly
test_quantize
test_upcycle
test_grow
test_inspect
test_verify
test_bench
test_bad_recipes
test_bad_places
test_bad_rows
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
