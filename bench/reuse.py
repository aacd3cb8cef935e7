"""What choosing the pathway to reuse is worth: tasks added to one sealed model, each once by reusing the best pathway as it
is measured, and once or more by reusing one at random, with the same budget, steps and rows.

  python3 bench/reuse.py BUILD DATA MODEL OUT [--first N] [--last N] [--steps N] [--draws N] [--adapter N] [--clones N]
                         [--seed N] [--jobs N] [--split NAME]

MODEL is what bench/continual.py had made, say OUT/grown.pathways after twenty additions; the tasks are the next of that
script's, number --first to --last (the first is 1), and none of them stays. Random is drawn among the pathways that the
task could reuse: those of old tasks that share a sense. "trunk" is what comes by the pathway alone (eval --path trunk):
the wide path beside it is the same with any pathway, and what both answer together hides what was reused.
"""
import argparse, json, re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sets
from sets import lines, recipe, run

ap = argparse.ArgumentParser()
for name in ("build", "data", "model", "out"): ap.add_argument(name, type=Path)
for name, value in (("first", 21), ("last", 40), ("steps", 25), ("draws", 2), ("adapter", 8), ("clones", 0), ("seed", 1), ("jobs", 2)):
    ap.add_argument(f"--{name}", type=int, default=value)
ap.add_argument("--split", default="test")
args = ap.parse_args()
PATHWAYS, MODEL, OUT = args.build.resolve() / "pathways", args.model.resolve(), args.out.resolve()


def score(model, path, how):
    return lines(run(PATHWAYS, "eval", model, path, "--json", "--split", args.split, "--path", how)[0])[0]["score"]


def add(name, text, reuse, draw):
    """The pathway that was taken, and the scores of the trunk alone and of all."""
    train = (f"{{seed: {args.seed}, batch: 32, add: {{reuse: {reuse}, seed: {draw}, adapter: {args.adapter}, "
             f"clones: {args.clones}}}}}")
    path, model = recipe(OUT / f"{name}-{reuse}{draw}.yaml", [(name, text)], train), OUT / f"{name}-{reuse}{draw}.pathways"
    said = run(PATHWAYS, "add", MODEL, path, "-o", model, "--steps", args.steps, "--threads", 1)[1]
    row = {"reuses": re.search(r"reuses the pathway of '([^']*)'", said)[1],
           "trunk": score(model, path, "trunk"), "all": score(model, path, "both")}
    model.unlink()
    return row


def one(item):
    n, (name, text) = item
    best, drawn = add(name, text, "best", 0), [add(name, text, "random", k + 1) for k in range(args.draws)]
    row = {"n": n, "task": name, "best": best, "random": drawn} | {
        f"gain_{key}": round(best[key] - sum(r[key] for r in drawn) / len(drawn), 4) for key in ("trunk", "all")}
    with open(OUT / "reuse.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
    return row


def main():
    sets.use(args.data, OUT / "sets")
    tasks = list(enumerate(sets.added_tasks(), 1))[args.first - 1:args.last]
    with ThreadPoolExecutor(args.jobs) as pool: rows = list(pool.map(one, tasks))
    print(json.dumps({"tasks": len(rows)} | {key: round(sum(r[key] for r in rows) / len(rows), 4) for key in ("gain_trunk", "gain_all")}))


main()
