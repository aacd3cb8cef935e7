"""The tasks of the benches that add many: subsets of the data sets by class, as recipes' tasks. A module, not a program."""
import csv, gzip, json, struct, subprocess, sys, time
from pathlib import Path

DATA = SETS = None
SHAPE = "{d: 128, layers: 2, heads: 4, experts: %d, topk: 2, hidden: 64, vocab: 2048}"


def use(data, folder):
    """Where the data sets are, and where their subsets go."""
    global DATA, SETS
    DATA, SETS = data.resolve(), folder.resolve()
    SETS.mkdir(parents=True, exist_ok=True)


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


def broad_tasks():
    """The nine and eight more, so that each sense has been learned from several tasks before the first is added."""
    uci = lambda name, more: task(name, "{row: table}", DATA / f"uci_small/{name}.csv", None, more)
    index = lambda s: f"{{table: {DATA}/emoji/index.tsv, where: {{split: {s}}}}}"
    wrist = lambda people: f"{{table: {DATA}/adl_wrist/index.csv, where: {{subject: {people}}}}}"
    number = lambda made: (made[0], made[1].replace("kind: classify", "kind: regress"))
    return base_tasks() + [
        task("emoji", "{picture: {sense: image, column: image, path: images}}", index("train"), index("test"), "target: group"),
        task("speech", "{sound: audio}", DATA / "spoken_prompts/langid/train", DATA / "spoken_prompts/langid/test"),
        task("sentiment", "{sentence: text}", DATA / "sst/binary.train.tsv", DATA / "sst/binary.test.tsv",
             "target: class\n    columns: [class, sentence]"),
        task("mushroom", "{features: table}", f"{{table: {DATA}/mushroom/agaricus.txt.train, format: libsvm}}",
             f"{{table: {DATA}/mushroom/agaricus.txt.test, format: libsvm}}", "target: target"),
        number(task("house", "{block: table}", DATA / "california_housing/housing.csv", None, "target: median_house_value")),
        number(uci("abalone", "target: last\n    columns: [none]")),
        number(task("wine", "{row: table}", DATA / "wine_quality/winequality-white.csv", None, "target: last\n    columns: [none]")),
        task("activity", "{wrist: {sense: series, column: path, path: .}}", wrist("{not: [f4, m1, m2]}"), wrist("[f4, m1, m2]"),
             "target: activity")]


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


def finer_questions(name, coarse):
    """TREC's finer classes within one of its six."""
    got = {}
    for s in ("train", "test"):
        found = (line.split(" ", 1) for line in (DATA / f"trec/{s}.txt").read_text(encoding="utf-8").splitlines())
        found = [(c.split(":")[1], text) for c, text in found if c.startswith(coarse + ":")]
        got[s] = SETS / f"{name}-{s}.csv"
        with open(got[s], "w", newline="") as file:
            out = csv.writer(file); out.writerow(["label", "text"])
            out.writerows(r for r in found if s == "train" or r[0] in finer)
        finer = {c for c, _ in found} if s == "train" else None
    return task(name, "{text: text}", got["train"], got["test"], "target: label")


def texts():
    """Four to learn in full, of different kinds, and twenty others, of which none shares a class with them."""
    languages = labels_of("langid_man/train.tsv", 0, False, "\t"); intents = labels_of("banking77/train.csv", 1)
    intent = lambda name, of: rows(name, "banking77/train.csv", "banking77/test.csv", "category", of, "text", True)
    tongue = lambda name, of: rows(name, "langid_man/train.tsv", "langid_man/test.tsv", "language", of, "text", False)
    donors = [intent("wish0", intents[:11]), intent("wish1", intents[11:22]), tongue("speech0", languages[8:13]),
              rows("spam", "sms_spam/train.tsv", "sms_spam/test.tsv", "class", ("ham", "spam"), "text", False)]
    return donors, ([intent(f"wish{i + 2}", intents[22 + 5 * i:27 + 5 * i]) for i in range(11)]
                    + [tongue(f"speech{i + 1}", languages[13 + 3 * i:16 + 3 * i]) for i in range(3)]
                    + [finer_questions(f"finer{c}", c) for c in ("DESC", "ENTY", "HUM", "LOC", "NUM")]
                    + [rows("opinion", "rt_polarity/train.tsv", "rt_polarity/test.tsv", "label", ("pos", "neg"), "text", False)])


# --- recipes and runs ---

def recipe(path, tasks, train, experts=16):
    path.write_text(f"model: {SHAPE % experts}\ntrain: {train}\ntasks:\n" + "\n".join(t for _, t in tasks) + "\n")
    return path


def run(*command):
    """What it printed, what it said, how many seconds it took."""
    start = time.time()
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode: sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout, done.stderr, time.time() - start


def lines(text): return list(map(json.loads, text.splitlines()))
