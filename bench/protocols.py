"""Split-MNIST and Permuted-MNIST, task by task, by the protocols of continual learning, with the heads known (task-incremental).

  python3 bench/protocols.py BUILD MNIST OUT [--protocols split,permuted] [--modes open,sealed,joint] [--seeds 1,2,3] [--steps N]

BUILD has the program and bench/answers (make bench/answers), MNIST the four IDX files. Split-MNIST: five tasks of two digits each;
Permuted-MNIST: ten tasks of all digits, each with the pixels in an order of its own. Modes:

  open    one model with all heads, whose trunk goes on from task to task; nothing is sealed, nothing rehearsed
  sealed  the first task is trained and sealed, each other one added behind it; the raw answers of every earlier task to 200 test
          rows are digested in a fresh process after every addition, and compared
  joint   all tasks at once, as many steps in all: what there is to reach

Prints a line a run with the library's own figures after the last task (pathways continual), the matrix, and means over seeds.
"""
import argparse, gzip, json, math, random, struct, subprocess, sys, time
from operator import itemgetter
from pathlib import Path

ap = argparse.ArgumentParser()
for name in ("build", "mnist", "out"): ap.add_argument(name, type=Path)
ap.add_argument("--protocols", default="split,permuted"); ap.add_argument("--modes", default="open,sealed,joint")
ap.add_argument("--seeds", default="1,2,3"); ap.add_argument("--steps", type=int, default=200)
ap.add_argument("--train", type=int, default=20000, help="Permuted-MNIST: training rows of a task")
ap.add_argument("--test", type=int, default=2000, help="Permuted-MNIST: test rows of a task")
ap.add_argument("--shape", default="{d: 64, layers: 2, heads: 4, experts: 8, topk: 2, hidden: 128}")
args = ap.parse_args()
BUILD, MNIST, OUT = (p.resolve() for p in (args.build, args.mnist, args.out))
PATHWAYS, ANSWERS = BUILD / "pathways", BUILD / "bench/answers"
FIGURES = "accuracy backward_transfer forward_transfer forgetting".split()


# --- the tasks ---

def read(split):
    raw = [gzip.open(MNIST / f"{split}-{what}.gz", "rb").read() for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    return [raw[0][16 + 784 * i:800 + 784 * i] for i in range(len(raw[1]) - 8)], raw[1][8:]


def write(name, pictures, labels):
    a, b = OUT / f"{name}.images", OUT / f"{name}.labels"
    a.write_bytes(struct.pack(">HBBIII", 0, 8, 3, len(pictures), 28, 28) + b"".join(pictures))
    b.write_bytes(struct.pack(">HBBI", 0, 8, 1, len(labels)) + bytes(labels))
    return f"{{picture: {a}, target: {b}}}"


def task(name, rows):
    files = {s: write(f"{name}-{s}", *r) for s, r in rows.items()}
    return name, f"  {name}:\n    kind: classify\n    parts: {{picture: image}}\n    train: {files['train']}\n    test: {files['test']}"


def split(sets, seed):
    pairs = [(i, i + 1) for i in range(0, 10, 2)]
    return [task(f"digits{a}{b}", {s: tuple(zip(*((x, y) for x, y in zip(*rows) if y in (a, b)))) for s, rows in sets.items()})
            for a, b in pairs]


def permuted(sets, seed):
    tasks = []
    for n in range(10):
        order = list(range(784))
        if n > 0: random.Random(1000 * seed + n).shuffle(order)
        pick, most = itemgetter(*order), {"train": args.train, "test": args.test}
        tasks.append(task(f"order{n}", {s: ([bytes(pick(x)) for x in rows[0][:most[s]]], rows[1][:most[s]])
                                        for s, rows in sets.items()}))
    return tasks


# --- runs ---

def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode: sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def recipe(name, tasks, seed):
    path = OUT / f"{name}.yaml"
    path.write_text(f"model: {args.shape}\ntrain: {{seed: {seed}, batch: 64, threads: 2}}\ntasks:\n" + "\n".join(t for _, t in tasks) + "\n")
    return path


def score(model, path, matrix, *more): run(PATHWAYS, "eval", model, path, "--matrix", matrix, "--threads", 2, *more)


def answers(model, path): return dict(reversed(line.split(" ", 1)) for line in run(ANSWERS, model, path, "--rows", 200).splitlines())


def open_mode(tasks, whole, seed, matrix):
    model = OUT / "open.pathways"
    run(PATHWAYS, "train", whole, "-o", model, "--steps", 1, "--lr", 0, "--quiet")
    score(model, whole, matrix, "--baseline")
    for name, _ in tasks:
        run(PATHWAYS, "train", whole, "-o", model, "--from", model, "--tasks", name, "--steps", args.steps, "--quiet")
        score(model, whole, matrix, "--after", name)
    return {}


def sealed_mode(tasks, whole, seed, matrix):
    model, known, changed = OUT / "sealed.pathways", {}, 0
    for n, (name, text) in enumerate(tasks):
        one, upto = recipe("one", [(name, text)], seed), recipe("upto", tasks[:n + 1], seed)
        if n == 0:
            run(PATHWAYS, "train", one, "-o", model, "--steps", args.steps, "--quiet"); run(PATHWAYS, "seal", model)
        else: run(PATHWAYS, "add", model, one, "--steps", args.steps, "--quiet")
        score(model, upto, matrix)
        now = answers(model, upto)
        changed += sum(now[t] != d for t, d in known.items()); known = now
    run(PATHWAYS, "pack", model); run(PATHWAYS, "verify", model)
    return {"changed": changed}


def joint_mode(tasks, whole, seed, matrix):
    model = OUT / "joint.pathways"
    run(PATHWAYS, "train", whole, "-o", model, "--steps", args.steps * len(tasks), "--quiet")
    score(model, whole, matrix)
    return {}


MODES = {"open": open_mode, "sealed": sealed_mode, "joint": joint_mode}


def measure(protocol, mode, tasks, seed):
    matrix, start = OUT / f"{protocol}-{mode}-{seed}.json", time.time()
    matrix.unlink(missing_ok=True)
    for old in OUT.glob(f"{mode}.pathways*"): old.unlink()
    row = {"protocol": protocol, "mode": mode, "seed": seed, "steps": args.steps}
    row |= MODES[mode](tasks, recipe("whole", tasks, seed), seed, matrix)
    got = json.loads(run(PATHWAYS, "continual", matrix, "--json"))
    row |= {f: got["figures"][-1].get(f) for f in FIGURES} | {"seconds": round(time.time() - start), "matrix": got["matrix"]}
    with open(OUT / "protocols.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
    return row


def spread(values):
    values = [v for v in values if v is not None]
    if not values: return "-"
    mean = sum(values) / len(values)
    return f"{mean:.4f} +- {math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1)):.4f}"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    sets = {"train": read("train"), "test": read("t10k")}
    rows = []
    for protocol in args.protocols.split(","):
        for seed in map(int, args.seeds.split(",")):
            tasks = {"split": split, "permuted": permuted}[protocol](sets, seed)
            rows += [measure(protocol, mode, tasks, seed) for mode in args.modes.split(",")]
        for mode in args.modes.split(","):
            mine = [r for r in rows if r["protocol"] == protocol and r["mode"] == mode]
            print(protocol, mode, *(f"{f} {spread([r[f] for r in mine])}" for f in FIGURES), sep="  ", flush=True)


main()
