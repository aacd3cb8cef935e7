"""What learned candidate sets are worth: nine real sets through five senses, one model of 32 experts a layer, for each
seed trained twice: by all experts, and learning sets of N (train option `candidates`). The first is also thinned to N
after training (bench/thin), and both are sealed, which thins them by the usual tolerance.

  make bench/thin; PATHWAYS_DATA=DIR python3 bench/narrow.py BUILD OUT [--candidates N] [--steps N] [--seeds N] [--threads N]

Prints a line a model: mean score on the tests, of both paths and of the trunk alone, candidates a layer (mean), and the
parameters that an answer reads. The sets are those of examples/many.yaml.
"""
import argparse, json, re, subprocess
from pathlib import Path

ap = argparse.ArgumentParser()
for name in ("build", "out"): ap.add_argument(name, type=Path)
for name, value in (("candidates", 4), ("steps", 1500), ("seeds", 3), ("threads", 2)):
    ap.add_argument(f"--{name}", type=int, default=value)
args = ap.parse_args()
SETS = "fashion cifar10 spoken_digit topic question intent language processor activity".split()
EXPERTS = 32
PATHWAYS, THIN, OUT = args.build.resolve() / "pathways", args.build.resolve() / "bench/thin", args.out.resolve()
RECIPE = OUT / "nine.yaml"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode: raise SystemExit(f"{command}: {done.stderr[-500:]}")
    return done.stdout


def write_recipe():
    text = (Path(__file__).resolve().parent.parent / "examples/many.yaml").read_text().split("\ntasks:\n")[1]
    text = re.sub(r"\n  # ---[^\n]*", "", text)
    blocks = {re.match(r"\s*(\w+):", block)[1]: block.strip("\n")
              for block in re.split(r"\n(?=  \w+:\n)", "\n" + text) if re.match(r"\s*\w+:", block)}
    shape = f"{{d: 128, layers: 2, heads: 4, experts: {EXPERTS}, topk: 2, hidden: 128, vocab: 4096}}"
    RECIPE.write_text(f"data: ${{PATHWAYS_DATA}}\nmodel: {shape}\ntasks:\n" + "\n".join(blocks[name] for name in SETS) + "\n")


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def measure(model):
    """Mean score of both paths, of the trunk alone, candidates, active parameters."""
    both, trunk = ([json.loads(line) for line in run(PATHWAYS, "eval", model, RECIPE, "--json", "--threads", args.threads,
                                                     "--path", path).splitlines()] for path in ("both", "trunk"))
    tasks = [json.loads(line) for line in run(PATHWAYS, "inspect", model, "--json").splitlines()]
    few = mean(mean(task.get("candidates", [EXPERTS])) for task in tasks if task["kind"] == "task")
    return [mean(r["score"] for r in both), mean(r["score"] for r in trunk), few, mean(r["active_params"] for r in both)]


def train(name, seed, *more):
    model = OUT / f"{name}{seed}.pathways"
    run(PATHWAYS, "train", RECIPE, "-o", model, "--steps", args.steps, "--seed", seed, "--threads", args.threads, "--quiet", *more)
    return model


def models(seed):
    every, learned = train("all", seed), train("learned", seed, "--candidates", args.candidates)
    yield "all experts", every
    thinned = OUT / f"thinned{seed}.pathways"
    run(THIN, every, args.candidates, thinned)
    yield "thinned after training", thinned
    yield "learned sets", learned
    for name, model in (("all experts, sealed", every), ("learned sets, sealed", learned)):
        sealed = OUT / f"sealed{seed}.pathways"
        run(PATHWAYS, "seal", model, "-o", sealed)
        yield name, sealed


OUT.mkdir(parents=True, exist_ok=True)
write_recipe()
found = {}
print("| seed | model | score | by the trunk alone | candidates of 32 | active parameters |\n|---|---|---|---|---|---|", flush=True)
for seed in range(1, args.seeds + 1):
    for name, model in models(seed):
        found.setdefault(name, []).append(measure(model))
        print("| %d | %s | %.4f | %.4f | %.1f | %.0f |" % (seed, name, *found[name][-1]), flush=True)
for name, rows in found.items(): print("| mean | %s | %.4f | %.4f | %.1f | %.0f |" % (name, *map(mean, zip(*rows))))
