"""Fifty tasks and more added one by one to a sealed model, each beside a model of its own; nothing that was there moves.

  python3 bench/continual.py BUILD DATA OUT [--first N] [--last N] [--rows N] [--base-steps N] [--steps N] [--seed N]
                             [--broad] [--no-alone] [--no-answers]

BUILD has the program and bench/answers (make bench/answers). Trains a base of nine tasks, or --broad of seventeen, seals
it, then adds task by task, number --first to --last of them (the first is 1). After every addition the raw answers of
every earlier task to 200 rows (of the test split, where it has so many) are digested in fresh processes, on one and two
threads, alone and in batches of 16, and compared. Each added task is also trained alone, in a model of its own of the
same active size and as many steps. Prints a line a task, and what came of it all; OUT/continual.jsonl has the same. Run
again with the same OUT, it goes on where it was stopped.
"""
import argparse, json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sets
from sets import lines, recipe, run

ap = argparse.ArgumentParser()
for name in ("build", "data", "out"): ap.add_argument(name, type=Path)
for name, value in (("first", 1), ("last", 1000), ("rows", 200), ("base-steps", 1500), ("steps", 200), ("seed", 1)):
    ap.add_argument(f"--{name}", type=int, default=value)
for name in ("broad", "no-alone", "no-answers"): ap.add_argument(f"--{name}", action="store_true")
args = ap.parse_args()
BUILD, OUT = args.build.resolve(), args.out.resolve()
PATHWAYS, ANSWERS = BUILD / "pathways", BUILD / "bench/answers"


def how(batch): return f"{{seed: {args.seed}, batch: {batch}}}"


def scores(model, path): return {r["task"]: r for r in lines(run(PATHWAYS, "eval", model, path, "--json", "--threads", 2)[0])}


def answers(model, path):
    """The digest of each task's raw answers. The four ways must agree with each other, too."""
    if args.no_answers: return {}
    with ThreadPoolExecutor(2) as two:
        ways = list(two.map(lambda w: run(ANSWERS, model, path, "--rows", args.rows, "--threads", w[0], "--batch", w[1])[0],
                            ((1, 1), (2, 1), (1, 16), (2, 16))))
    if len(set(ways)) != 1: sys.exit(f"{model}: answers differ with threads or batch")
    return dict(reversed(line.split(" ", 1)) for line in ways[0].splitlines())


def inspect(model): return lines(run(PATHWAYS, "inspect", model, "--json")[0])


def total(model): return inspect(model)[0]["parameters"]


def say(row):
    with open(OUT / "continual.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


def train_base(model, base):
    whole = recipe(OUT / "base.yaml", base, how(64))
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
        seconds = round(run(PATHWAYS, "add", model, one, "--steps", args.steps, "--quiet")[2], 1)
    return {"score": scores(model, one)[name]["score"], "seconds": seconds,
            "new_parameters": total(model) - json.loads((OUT / "size.json").read_text())}


def one_more(model, done, n, changed):
    name, text = done[-1]
    one = recipe(OUT / f"{name}.yaml", [(name, text)], how(32), 4)
    with ThreadPoolExecutor(1) as beside:
        alone = beside.submit(train_alone, one, name)
        row = {"n": n, "task": name} | add(model, name, one)
        known, now = json.loads((OUT / "known.json").read_text()), answers(model, recipe(OUT / "done.yaml", done, how(64)))
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
    sets.use(args.data, OUT / "sets")
    model, log = OUT / "grown.pathways", OUT / "continual.jsonl"
    done = sets.broad_tasks() if args.broad else sets.base_tasks(); said = lines(log.read_text()) if log.exists() else []
    if not said: train_base(model, done)
    results = [r for r in said if "n" in r]
    for n, one in list(enumerate(sets.added_tasks(), 1))[args.first - 1:args.last]:
        done.append(one)
        if all(r["n"] != n for r in results): results.append(one_more(model, done, n, results[-1]["changed"] if results else 0))
    if results: print(json.dumps(summary(results)))


main()
