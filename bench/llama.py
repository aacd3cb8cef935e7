#!/usr/bin/env python3
"""`pathways bench` beside llama.cpp on the same shape and type, in turn; prints the table of docs/results.md.

    bench/llama.py --peer llama_peer.py --python VENV/bin/python [--program build/pathways] [--models DIR] [--experts 16 256]
                   [--dtypes f32 bf16 i8] [--pairs 7] [--threads 2]

The peer is a script that writes a random Mixtral as GGUF and times it through llama-cpp-python (pip install gguf
llama-cpp-python); VENV has both. A figure is the median over the pairs; a ratio the median of the pairs' own ratios."""
import argparse
import json
import os
import statistics
import subprocess

SHAPE = ["--d", "256", "--layers", "4", "--heads", "8", "--hidden", "512", "--vocab", "8192", "--topk", "2"]
PEER_TYPE = {"f32": "f32", "bf16": "bf16", "i8": "q8_0"}


def run(*command):
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def peer_model(a, dtype, experts):
    path = os.path.join(a.models, f"m{experts}-{PEER_TYPE[dtype]}.gguf")
    if not os.path.exists(path):
        subprocess.run([a.python, a.peer, "write", "--out", path, "--experts", str(experts), "--dtype", PEER_TYPE[dtype],
                        *SHAPE], check=True)
    return path


def peer(a, model, prompt):
    line = run(a.python, a.peer, "time", "--model", model, "--threads", str(a.threads), "--prompt", str(prompt),
               "--new", "128", "--repeats", "9")
    return 1e3 * prompt / line["prompt_tok_s"], line["decode_tok_s"]


def ours(a, what, dtype, experts, *more):
    return run(a.program, "bench", what, *SHAPE, "--experts", str(experts), "--dtype", dtype, "--threads",
               str(a.threads), "--batch", "1", *more)


def one_pair(a, dtype, experts, model):
    """Of each workload: (ours, the peer's, how many times as fast)."""
    row = {}
    for prompt in (8, 64):
        mine = ours(a, "predict", dtype, experts, "--seq", str(prompt), "--steps", "20")["ms"]
        theirs, decoded = peer(a, model, prompt)
        row[f"predict {prompt}"] = (mine, theirs, theirs / mine)
    line = ours(a, "decode", dtype, experts, "--new", "128")
    row["decode"] = (line["tok_s"], decoded, line["tok_s"] / decoded)
    row["read"] = (line["read_bound_ms"] / 128, line["ms"] / 128, line["ms"] / line["read_bound_ms"])
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", required=True)
    p.add_argument("--python", required=True)
    p.add_argument("--program", default="build/pathways")
    p.add_argument("--models", default=".")
    p.add_argument("--experts", type=int, nargs="+", default=[16, 256])
    p.add_argument("--dtypes", nargs="+", default=list(PEER_TYPE))
    p.add_argument("--pairs", type=int, default=7)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    print("| experts | dtype | workload | here | llama.cpp | times as fast |\n|---|---|---|---|---|---|", flush=True)
    for experts in a.experts:
        for dtype in a.dtypes:
            model = peer_model(a, dtype, experts)
            pairs = [one_pair(a, dtype, experts, model) for _ in range(a.pairs)]
            for what in pairs[0]:
                mine, theirs, ratio = (statistics.median(pair[what][i] for pair in pairs) for i in range(3))
                if what == "read":
                    print(f"| {experts} | {dtype} | a token, ms, against reading its weights | {theirs:.3f} | {mine:.3f} (bound)"
                          f" | {ratio:.2f} times the bound |", flush=True)
                else:
                    unit = "tokens/s" if what == "decode" else "ms"
                    digits = 0 if what == "decode" else 2
                    print(f"| {experts} | {dtype} | {what}, {unit} | {mine:.{digits}f} | {theirs:.{digits}f} | {ratio:.2f} |",
                          flush=True)


if __name__ == "__main__":
    main()
