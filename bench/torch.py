#!/usr/bin/env python3
"""Trains the reference workload beside PyTorch, in turn in the same minutes, and prints a table of ratios.

    bench/torch.py PROGRAM PEER [--python PYTHON] [--experts 16 256] [--dtypes f32 bf16] [--rounds 3] [--steps 4]
                   [--threads 2] [--layers 4] [--forms loop bmm grouped compile] [--out docs/results.md]

PEER is a script that takes the options of `pathways bench train` and --impl, --compile, and prints one line of JSON
with tok_s; PYTHON runs it. A round is one run of ours and one of each of the peer's forms; a form that fails counts
no more. The ratio of a round is ours over the fastest form in that round; what is printed is the median of rounds.
--out appends the table, with date and processor, to a file."""
import argparse, datetime, json, os, statistics, subprocess, sys

SHAPE = "--d 256 --heads 8 --hidden 512 --topk 2 --seq 128 --batch 32 --vocab 8192".split()
FORMS = {"loop": ["--impl", "loop"], "bmm": ["--impl", "bmm"], "grouped": ["--impl", "grouped"],
         "compile": ["--impl", "loop", "--compile"]}


def run(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def one_round(a, options, forms):
    ours = run([a.program, "bench", "train"] + SHAPE + options)
    if ours is None:
        sys.exit("pathways bench train failed")
    peers = {}
    for form in list(forms):
        environment = dict(os.environ, OMP_NUM_THREADS=str(a.threads))
        result = run([a.python, a.peer, "train"] + SHAPE + options + FORMS[form], environment)
        if result is None:
            forms.remove(form)
        else:
            peers[form] = result["tok_s"]
    return ours, peers


def measure(a, experts, dtype):
    options = ["--layers", str(a.layers), "--experts", str(experts), "--dtype", dtype, "--threads", str(a.threads),
               "--steps", str(a.steps)]
    forms, rounds = list(a.forms), []
    for _ in range(a.rounds):
        rounds.append(one_round(a, options, forms))
        print(experts, dtype, rounds[-1][0]["tok_s"], rounds[-1][1], file=sys.stderr, flush=True)
    return rounds


def line(experts, dtype, rounds):
    median = lambda values: statistics.median(list(values))
    ours = [ours for ours, _ in rounds]
    fastest = [max(peers, key=peers.get) for _, peers in rounds if peers]
    best = [max(peers.values()) for _, peers in rounds if peers]
    ratio = median(o["tok_s"] / b for o, b in zip(ours, best)) if best else float("nan")
    bound = median(o["ms"] / o["gemm_bound_ms"] for o in ours)
    memory = median(o["ms"] / (o["gemm_bound_ms"] + o.get("memory_bound_ms", 0)) for o in ours)
    kernels = ", ".join([f"`{ours[0]['kernels']}`"] + [o["bf16_by"] for o in ours[:1] if "bf16_by" in o])
    return (f"| {experts} | {dtype} | {kernels} "
            f"| {median(o['tok_s'] for o in ours):,.0f} | {median(best) if best else 0:,.0f} "
            f"({', '.join(sorted(set(fastest)))}) | {ratio:.2f} | {bound:.2f} | {memory:.2f} |")


def processor():
    with open("/proc/cpuinfo") as f:
        return next((x.split(":", 1)[1].strip() for x in f if x.startswith("model name")), "?")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("peer")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--experts", type=int, nargs="+", default=[8, 16, 64, 256])
    p.add_argument("--dtypes", nargs="+", default=["f32", "bf16"])
    p.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--out")
    a = p.parse_args()
    version = run([a.python, "-c", "import json, torch; print(json.dumps({'v': torch.__version__}))"]) or {"v": "?"}
    text = [f"Training beside PyTorch {version['v']}, {a.threads} threads, {a.layers} layers, {processor()}, "
            f"{datetime.date.today()}; medians of {a.rounds} rounds of {a.steps} steps in turn (`bench/torch.py`).", "",
            "| experts | dtype | kernels | tokens/s | PyTorch, fastest | ratio | ms / gemm_bound_ms | ms / both bounds |",
            "|---|---|---|---|---|---|---|---|"]
    text += [line(e, d, measure(a, e, d)) for d in a.dtypes for e in a.experts]
    print("\n".join(text))
    if a.out:
        with open(a.out, "a") as f:
            f.write("\n" + "\n".join(text) + "\n")


main()
