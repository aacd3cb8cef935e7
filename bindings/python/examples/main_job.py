"""The main job in Python: three tasks through three senses, one model, one file.

python3 main_job.py FOLDER [MINUTES]: FOLDER holds mail.tsv (class, message), motors/ (a folder of WAV files for each
class) and people.csv (income and other columns)."""
import pathlib
import sys

import pathways as pw

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
minutes = float(sys.argv[2] if len(sys.argv) > 2 else 1)

tasks = pw.Registry()
tasks.add("spam", "classify", message="text").read(folder / "mail.tsv", target="class")
tasks.add("fault", "classify", sound="audio").read(folder / "motors")      # a folder a class
tasks.add("income", "classify", person="table").read(folder / "people.csv", target="income")

model = pw.Model(tasks)      # sized by the rows
for report in model.fit(minutes=minutes, seed=1):      # or, as a plain call: model.fit(...)
    print(f"\r{report.share:4.0%}  loss {report.loss:.3f} ", end="", file=sys.stderr)
    if report.loss < .001:
        break      # leaving the loop stops the run
model.save("one.pathways")

model = pw.open("one.pathways")
answer = model.predict("spam", message="You won a prize")
print(f"\n{answer.label} ({answer.score:.0%}), {answer.active_share:.1%} of the model awake")
try:
    model.predict("spam", message="")
except ValueError as error:
    print(error)
