"""Fifty tasks and more added one by one to a sealed model, each beside a model of its own; nothing that was there moves.

  python3 bench/continual.py BUILD DATA OUT [--first N] [--last N] [--rows N] [--base-steps N] [--steps N] [--seed N]
                             [--no-alone] [--no-answers]

BUILD has the program and bench/answers (make bench/answers). Trains a base of nine tasks, seals it, then adds task by
task, number --first to --last of them (the first is 1). After every addition the raw answers of every earlier task to 200
test rows are digested in fresh processes, on one and two threads, alone and in batches of 16, and compared. Each added
task is also trained alone, in a model of its own of the same active size and as many steps. Prints a line a task, and
what came of it all; OUT/continual.jsonl has the same. Run again with the same OUT, it goes on where it was stopped.
"""
import argparse, csv, gzip, json, struct, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ap = argparse.ArgumentParser()
for name in ("build", "data", "out"): ap.add_argument(name, type=Path)
for name, value in (("first", 1), ("last", 1000), ("rows", 200), ("base-steps", 1500), ("steps", 200), ("seed", 1)):
    ap.add_argument(f"--{name}", type=int, default=value)
for name in ("no-alone", "no-answers"): ap.add_argument(f"--{name}", action="store_true")
args = ap.parse_args()
BUILD, DATA, OUT = (p.resolve() for p in (args.build, args.data, args.out))
SETS = OUT / "sets"
SHAPE = "{d: 128, layers: 2, heads: 4, experts: %d, topk: 2, hidden: 64, vocab: 2048}"


# --- subsets, by class ---

def read_idx(path):
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    n = raw[3]; dims = struct.unpack(">" + "I" * n, raw[4:4 + 4 * n]); size = 1
    for d in dims[1:]: size *= d
    return dims, raw[4 + 4 * n:], size


def idx_subset(name, images, labels, classes, most):
    (dims, pixels, size), (_, label, _) = read_idx(DATA / images), read_idx(DATA / labels)
    seen, keep = {}, []
    for i, c in enumerate(label):
        if c in classes and seen.get(c, 0) < most: seen[c] = seen.get(c, 0) + 1; keep.append(i)
    a, b = SETS / f"{name}-images", SETS / f"{name}-labels"
    a.write_bytes(struct.pack(">HBB" + "I" * len(dims), 0, 8, len(dims), len(keep), *dims[1:])
                  + b"".join(pixels[i * size:(i + 1) * size] for i in keep))
    b.write_bytes(struct.pack(">HBBI", 0, 8, 1, len(keep)) + bytes(label[i] for i in keep))
    return f"{{picture: {a}, target: {b}}}"


def pictures(name, folder, train, test, classes):
    parts = {s: idx_subset(f"{name}-{s}", f"{folder}/{f}-images-idx3-ubyte.gz", f"{folder}/{f}-labels-idx1-ubyte.gz",
                           classes, 500 if s == "train" else 150) for s, f in (("train", train), ("test", test))}
    return task(name, "{picture: image}", parts["train"], parts["test"])


def records(name, folder, size, classes):
    got = {}
    for s in ("train", "test"):
        raw = (DATA / folder / f"{s}.bin").read_bytes(); labels = (DATA / folder / f"{s}.labels.txt").read_text().split()
        keep = [i for i, c in enumerate(labels) if c in classes]
        a, b = SETS / f"{name}-{s}.bin", SETS / f"{name}-{s}.txt"
        a.write_bytes(b"".join(raw[i * size:(i + 1) * size] for i in keep)); b.write_text("\n".join(labels[i] for i in keep) + "\n")
        got[s] = f"{{data: {a}, target: {b}}}"
    return task(name, f"{{data: {{sense: bytes, record: {size}}}}}", got["train"], got["test"])


def rows(name, train, test, column, classes, text, header):
    got = {}
    for s, f in (("train", train), ("test", test)):
        delimiter = "," if f.endswith(".csv") else "\t"
        quoting = csv.QUOTE_MINIMAL if f.endswith(".csv") else csv.QUOTE_NONE
        with open(DATA / f, newline="") as file: table = list(csv.reader(file, delimiter=delimiter, quoting=quoting))
        if header: names, table = table[0], table[1:]
        else: names = [column, text] if column else None
        c, t = names.index(column), names.index(text)
        a = SETS / f"{name}-{s}.csv"
        with open(a, "w", newline="") as file:
            out = csv.writer(file); out.writerow(["label", "text"])
            out.writerows([r[c], r[t]] for r in table if len(r) > max(c, t) and r[c] in classes)
        got[s] = str(a)
    return task(name, "{text: text}", got["train"], got["test"], "target: label")


def links(name, folder, pick):
    for s in ("train", "test"):
        where = SETS / f"{name}-{s}"; where.mkdir(parents=True, exist_ok=True)
        for f in sorted((DATA / folder / s).rglob("*")):
            label = pick(f)
            if label is None: continue
            (where / label).mkdir(exist_ok=True); to = where / label / f.name
            if not to.exists(): to.symlink_to(f)
    return str(SETS / f"{name}-train"), str(SETS / f"{name}-test")


def task(name, parts, train, test=None, more=""):
    lines = [f"  {name}:", "    kind: classify", f"    parts: {parts}"] + ([f"    {more}"] if more else []) + [f"    train: {train}"]
    lines.append(f"    test: {test}" if test else "    split: {test: 0.25, seed: 1}")
    return name, "\n".join(lines)


def labels_of(path, column, header=True, delimiter=","):
    with open(DATA / path, newline="") as f: return sorted({r[column] for r in list(csv.reader(f, delimiter=delimiter))[header:] if r})


def base_tasks():
    languages = labels_of("langid_man/train.tsv", 0, False, "\t"); isa = (DATA / "isa_bytes/classes.txt").read_text().split()
    cifar = sorted(p.name for p in (DATA / "cifar10_jpg/train").iterdir() if p.is_dir())
    trec = "'^(?<coarse>[A-Z]+):\\S+ (?<text>.*)$'"
    return [pictures("clothes", "fashion_mnist", "train10k", "t10k", range(5)),
            task("things", "{picture: image}", *links("things", "cifar10_jpg", lambda f: f.parent.name if f.suffix and f.parent.name in cifar[:5] else None)),
            task("question", "{text: text}", f"{{table: {DATA}/trec/train.txt, pattern: {trec}}}", f"{{table: {DATA}/trec/test.txt, pattern: {trec}}}", "target: coarse"),
            task("topic", "{title: text, description: text}", DATA / "ag_news/train.csv", DATA / "ag_news/test.csv", "target: label"),
            rows("tongues", "langid_man/train.tsv", "langid_man/test.tsv", "language", languages[:8], "text", False),
            records("machines", "isa_bytes", 1024, isa[:6]),
            task("digits", "{sound: audio}", *links("digits", "fsdd", lambda f: f.name[0] if f.name[0] in "01234" else None)),
            task("vowel", "{cepstra: series}", DATA / "ucr_small/JapaneseVowels/JapaneseVowels_TRAIN.ts", DATA / "ucr_small/JapaneseVowels/JapaneseVowels_TEST.ts"),
            task("income", "{person: table}", DATA / "adult/train.csv", DATA / "adult/test.csv", "target: income\n    missing: '?'")]


def added_tasks():
    languages = labels_of("langid_man/train.tsv", 0, False, "\t"); isa = (DATA / "isa_bytes/classes.txt").read_text().split()
    fragments = (DATA / "file_fragments/classes.txt").read_text().split()
    cifar = sorted(p.name for p in (DATA / "cifar10_jpg/train").iterdir() if p.is_dir())
    intents = labels_of("banking77/train.csv", 1)
    kinds = [[], [], [], [], [], []]
    for i in range(0, 10, 2): kinds[0].append(pictures(f"mnist{i}", "mnist", "train", "t10k", (i, i + 1)))
    for c in ((5, 6), (7, 8), (5, 9), (6, 8)): kinds[0].append(pictures(f"clothes{c[0]}{c[1]}", "fashion_mnist", "train10k", "t10k", c))
    for a, b in ((5, 6), (7, 8), (8, 9), (6, 9)):
        pair = (cifar[a], cifar[b])
        kinds[0].append(task(f"things{a}{b}", "{picture: image}", *links(f"things{a}{b}", "cifar10_jpg", lambda f: f.parent.name if f.suffix and f.parent.name in pair else None)))
    for i in range(7): kinds[1].append(rows(f"intent{i}", "banking77/train.csv", "banking77/test.csv", "category", intents[11 * i:11 * i + 11], "text", True))
    for i in range(3): kinds[1].append(rows(f"tongues{i}", "langid_man/train.tsv", "langid_man/test.tsv", "language", languages[8 + 5 * i:13 + 5 * i], "text", False))
    kinds[1].append(rows("spam", "sms_spam/train.tsv", "sms_spam/test.tsv", "class", ("ham", "spam"), "text", False))
    for i in range(4): kinds[2].append(records(f"fragment{i}", "file_fragments", 512, fragments[5 * i:5 * i + 5]))
    for i in range(2): kinds[2].append(records(f"machines{i}", "isa_bytes", 1024, isa[6 + 5 * i:11 + 5 * i]))
    for a, b in ("56", "78", "59", "69"):
        kinds[3].append(task(f"digits{a}{b}", "{sound: audio}", *links(f"digits{a}{b}", "fsdd", lambda f: f.name[0] if f.name[0] in a + b else None)))
    for name in ("auto_imports breast-cancer german banknote_authentication ecoli glass haberman horse-colic ionosphere "
                 "mammography oil-spill phoneme pima-indians-diabetes sonar wheat-seeds").split()[1:]:
        kinds[4].append(task("table-" + name.replace("_", "-"), "{row: table}", DATA / f"uci_small/{name}.csv", None, "target: last\n    columns: [none]\n    missing: '?'"))
    for name in ("ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf"):
        kinds[5].append(task("series-" + name, "{curve: series}", *(DATA / f"ucr_small/{name}/{name}_{s}.ts" for s in ("TRAIN", "TEST"))))
    order = []
    while any(kinds):                                       # senses in turn
        for k in kinds:
            if k: order.append(k.pop(0))
    return order


# --- runs ---

def recipe(path, tasks, experts=16, batch=64):
    path.write_text(f"model: {SHAPE % experts}\ntrain: {{seed: {args.seed}, batch: {batch}}}\ntasks:\n" + "\n".join(t for _, t in tasks) + "\n")
    return path


def run(*command, **env):
    start = time.time()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode: sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, time.time() - start


PATHWAYS, ANSWERS = BUILD / "pathways", BUILD / "bench/answers"


def scores(model, path): return {r["task"]: r for r in map(json.loads, run(PATHWAYS, "eval", model, path, "--json", "--threads", 2)[0].splitlines())}


def answers(model, path):
    """The digest of each task's raw answers. The four ways must agree with each other, too."""
    if args.no_answers: return {}
    with ThreadPoolExecutor(2) as two:
        ways = list(two.map(lambda w: run(ANSWERS, model, path, "--rows", args.rows, "--threads", w[0], "--batch", w[1])[0],
                            ((1, 1), (2, 1), (1, 16), (2, 16))))
    if len(set(ways)) != 1: sys.exit(f"{model}: answers differ with threads or batch")
    return dict(reversed(line.split(" ", 1)) for line in ways[0].splitlines())


def inspect(model): return list(map(json.loads, run(PATHWAYS, "inspect", model, "--json")[0].splitlines()))


def total(model): return inspect(model)[0]["parameters"]


def say(row):
    with open(OUT / "continual.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


def train_base(model, base):
    whole = recipe(OUT / "base.yaml", base)
    if not model.exists(): run(PATHWAYS, "train", whole, "-o", model, "--steps", args.base_steps, "--quiet")
    run(PATHWAYS, "seal", model)
    row = {"base": {t: r["score"] for t, r in scores(model, whole).items()}, "parameters": total(model)}
    keep(answers(model, whole)); say(row)


def keep(known): (OUT / "known.json").write_text(json.dumps(known))


def train_alone(one, name):
    """A model of the task's own, of the same active size: its score and its size."""
    if args.no_alone: return {}
    alone = OUT / f"alone-{name}.pathways"
    run(PATHWAYS, "train", one, "-o", alone, "--steps", args.steps, "--quiet")
    row = {"alone": scores(alone, one)[name]["score"], "alone_parameters": total(alone)}
    alone.unlink()
    return row


def add(model, name, one):
    """The task added, unless a run that was stopped had added it already."""
    before, seconds = inspect(model), None
    if all(r.get("task") != name for r in before):
        (OUT / "size.json").write_text(json.dumps(before[0]["parameters"]))
        seconds = round(run(PATHWAYS, "add", model, one, "--steps", args.steps, "--quiet")[1], 1)
    return {"score": scores(model, one)[name]["score"], "seconds": seconds,
            "new_parameters": total(model) - json.loads((OUT / "size.json").read_text())}


def one_more(model, done, n, changed):
    name, text = done[-1]
    one = recipe(OUT / f"{name}.yaml", [(name, text)], 4, 32)
    with ThreadPoolExecutor(1) as beside:
        alone = beside.submit(train_alone, one, name)
        row = {"n": n, "task": name} | add(model, name, one)
        known, now = json.loads((OUT / "known.json").read_text()), answers(model, recipe(OUT / "done.yaml", done))
        row["changed"] = changed + sum(now.get(t) != d for t, d in known.items())
        row |= alone.result()
    if not args.no_alone: row["share"] = round(row["new_parameters"] / row["alone_parameters"], 4)
    keep(now); say(row)
    return row


def summary(results):
    mean = lambda key, some: round(sum(r[key] for r in some) / len(some), 4)
    end = {"tasks": len(results), "changed": results[-1]["changed"], "score": mean("score", results)}
    if not args.no_alone:
        gain = [r | {"gain": r["score"] - r["alone"]} for r in results]
        end |= {"alone": mean("alone", results), "share": mean("share", results), "most": max(r["share"] for r in results),
                "first_ten": mean("gain", gain[:10]), "last_ten": mean("gain", gain[-10:])}
    return end


def main():
    SETS.mkdir(parents=True, exist_ok=True)
    model, log = OUT / "grown.pathways", OUT / "continual.jsonl"
    done = base_tasks(); said = list(map(json.loads, log.read_text().splitlines())) if log.exists() else []
    if not said: train_base(model, done)
    results = [r for r in said if "n" in r]
    for n, one in list(enumerate(added_tasks(), 1))[args.first - 1:args.last]:
        done.append(one)
        if all(r["n"] != n for r in results): results.append(one_more(model, done, n, results[-1]["changed"] if results else 0))
    if results: print(json.dumps(summary(results)))


main()
