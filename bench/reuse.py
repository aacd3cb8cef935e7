"""What choosing the pathway to reuse is worth: twenty tasks of text added to one sealed model, each once by reusing the
best pathway as it is measured, and some times by reusing one at random, with the same budget, steps and rows.

  python3 bench/reuse.py BUILD DATA BASE OUT [--steps N] [--parameters N] [--draws N] [--every] [--seed N] [--jobs N]
                         [--split NAME] [--no-grams]

BASE is the sealed base of bench/continual.py (OUT/grown.pathways without what was added beside it), which has three tasks
of text. Four more are learned in full behind it, so there are seven pathways, of different kinds, that a text can
reuse; then each of the twenty is added to that same model, and taken away again. Random is drawn among the seven, for
each of --draws seeds; with --every it is each of the seven in turn, so its mean is what random comes to, and the best of
them what could be had by looking at the answers. Of the parameters 8,647 are what tells a text from others. "trunk" is what
comes by the pathway alone (eval --path trunk): the wide path beside it is the same with any pathway; with --no-grams the
tasks have none, and their answers are the pathway's. Prints a line a task and the means; OUT/reuse.jsonl has the same.
"""
import argparse, json, re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sets
from sets import lines, recipe, run

ap = argparse.ArgumentParser()
for name in ("build", "data", "base", "out"): ap.add_argument(name, type=Path)
for name, value in (("steps", 25), ("parameters", 22647), ("draws", 3), ("seed", 1), ("jobs", 2)):
    ap.add_argument(f"--{name}", type=int, default=value)
ap.add_argument("--split", default="test")
for name in ("every", "no-grams"): ap.add_argument(f"--{name}", action="store_true")
args = ap.parse_args()
PATHWAYS, OUT = args.build.resolve() / "pathways", args.out.resolve()
MODEL = OUT / "donors.pathways"
OLD = ("question", "topic", "tongues")                      # the base's texts


def score(model, path, how):
    return lines(run(PATHWAYS, "eval", model, path, "--json", "--split", args.split, "--path", how)[0])[0]["score"]


def add(name, text, reuse, draw):
    """The pathway that was taken, and the scores of the trunk alone and of all."""
    train = f"{{seed: {args.seed}, batch: 32, add: {{reuse: {reuse}, seed: {draw}, parameters: {args.parameters}}}}}"
    path, model = recipe(OUT / f"{name}-{reuse}{draw}.yaml", [(name, text)], train), OUT / f"{name}-{reuse}{draw}.pathways"
    said = run(PATHWAYS, "add", MODEL, path, "-o", model, "--steps", args.steps, "--threads", 1)[1]
    row = {"reuses": re.search(r"reuses the pathway of '([^']*)'", said)[1],
           "trunk": score(model, path, "trunk"), "all": score(model, path, "both")}
    model.unlink()
    return row


def one(n, name, text, old):
    ways = [(o, 0) for o in old] if args.every else [("random", 1000 * args.seed + 10 * n + k) for k in range(args.draws)]
    best, drawn = add(name, text, "best", 0), [add(name, text, *way) for way in ways]
    row = {"task": name, "best": best, "random": drawn} | {
        f"gain_{key}": round(best[key] - sum(r[key] for r in drawn) / len(drawn), 4) for key in ("trunk", "all")}
    with open(OUT / "reuse.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
    return row


def main():
    sets.use(args.data, OUT / "sets")
    donors, tasks = sets.texts()
    old = [*OLD, *(name for name, _ in donors)]
    if args.no_grams: tasks = [(n, t.replace("{text: text}", "{text: {sense: text, grams: false}}")) for n, t in tasks]
    if not MODEL.exists():
        run(PATHWAYS, "add", args.base, recipe(OUT / "donors.yaml", donors, f"{{seed: {args.seed}, batch: 32}}"), "-o", MODEL, "--steps", 200)
    with ThreadPoolExecutor(args.jobs) as pool: rows = list(pool.map(lambda n: one(n, *tasks[n], old), range(len(tasks))))
    mean = lambda key: round(sum(r[key] for r in rows) / len(rows), 4)
    better = sum(r["gain_trunk"] > 0 for r in rows)
    over = lambda pick: {key: round(sum(pick(r, key) for r in rows) / len(rows), 4) for key in ("trunk", "all")}
    print(json.dumps({"tasks": len(rows), "gain_trunk": mean("gain_trunk"), "better": better, "gain_all": mean("gain_all"),
                      "best": over(lambda r, key: r["best"][key]),
                      "could_be": over(lambda r, key: max(x[key] for x in r["random"]))}))


main()
