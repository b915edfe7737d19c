"""Hand damaged files and odd arguments to batchenv, and count what becomes of them.

    python -m tests.fuzz                                        # as `make fuzz`
    python -m tests.fuzz --inputs 500 --areas config api --seed 7
    python -m tests.fuzz --replay runs/fuzz/faults/api-17-foreign

Every input is to work or to be refused with a `BatchEnvError` that names the offender, within 10 s and 1 GB.
The exit code is 1 if one is not, and 2 if the unchanged inputs do not work.
"""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.areas import SHARES
from tests.fuzz.campaign import HarnessError, Limits, Tally, Task, Worker, run
from tests.fuzz.outcomes import FAULTS, GOOD, MEANINGS

INPUTS, MINUTES = 3000, 20.0


def tasks(areas: list[str], inputs: int, seed: int, out: Path, first: int = 0) -> list[Task]:
    """Inputs of the areas, each area's part by its share, spread evenly."""
    total = sum(SHARES[area] for area in areas)
    numbered = []
    for area in areas:
        count = max(1, round(inputs * SHARES[area] / total))
        for i in range(count):
            number = first + i
            folder = out / "inputs" / f"{area}-{number}"
            numbered.append(((i + 0.5) / count, Task(area, seed, number, folder)))
    return [task for _, task in sorted(numbered, key=lambda pair: (pair[0], pair[1].area))]


def table(tally: Tally) -> str:
    """How many inputs became what, by area."""
    kinds = (*GOOD, *FAULTS)
    lines = ["| area | inputs | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 2) + "|"]
    areas = sorted({area for area, _ in tally.counts})
    rows = [(area, {kind: tally.counts[area, kind] for kind in kinds}) for area in areas]
    rows.append(("all", {kind: sum(row[kind] for _, row in rows) for kind in kinds}))
    for area, row in rows:
        lines.append(
            f"| {area} | {sum(row.values()):,} | " + " | ".join(f"{n:,}" for n in row.values()) + " |"
        )
    return "\n".join(lines)


def distinct(tally: Tally) -> str:
    """The faults, one line for all that are of one kind and come from one place."""
    counts = Counter((task.area, outcome.kind, outcome.place) for task, outcome, _ in tally.faults)
    lines, seen = [], set()
    for task, outcome, folder in tally.faults:
        key = (task.area, outcome.kind, outcome.place)
        if key in seen:
            continue
        seen.add(key)
        first = outcome.text.strip().splitlines()[0][:200] if outcome.text.strip() else ""
        lines.append(f"{counts[key]:4} x {task.area}: {outcome.kind}, {outcome.place}: {first}")
        lines.append(f"       python -m tests.fuzz --replay {folder}")
    return "\n".join(lines)


def as_json(tally: Tally, seed: int) -> dict[str, object]:
    """The figures, for a machine."""
    return {
        "seed": seed,
        "seconds": round(tally.seconds, 1),
        "stopped": tally.stopped,
        "inputs": sum(tally.counts.values()),
        "counts": [{"area": a, "kind": k, "inputs": n} for (a, k), n in sorted(tally.counts.items())],
        "faults": [
            {"area": task.area, "number": task.number, **asdict(outcome), "folder": str(folder)}
            for task, outcome, folder in tally.faults
        ],
    }


def show(tally: Tally) -> None:
    """Progress, in one line that is written over."""
    done, faults = sum(tally.counts.values()), len(tally.faults)
    end = "\r" if sys.stderr.isatty() else "\n"
    if sys.stderr.isatty() or done % 100 == 0:
        print(
            f"{done:,} inputs, {faults} faults, {tally.seconds:,.0f} s ", end=end, file=sys.stderr, flush=True
        )


def replay(folder: Path, limits: Limits) -> int:
    """Attempt a saved input again and say what becomes of it."""
    spec = json.loads((folder / "input.json").read_text())
    worker = Worker(folder.with_suffix(".log"), limits)
    try:
        outcome = worker.attempt(Task(spec["area"], spec["seed"], spec["number"], folder, replay=True))
    finally:
        worker.end()
    print(json.dumps(spec, indent=1))
    print(f"{outcome.kind} ({MEANINGS[outcome.kind]})\n{outcome.place}\n{outcome.text}")
    return 0 if outcome.good else 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--areas", nargs="+", choices=sorted(SHARES), default=sorted(SHARES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each area")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="no input is begun after that time")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"))
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="attempt one saved input again")
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return replay(options.replay, Limits())
    out = options.out / time.strftime("%Y%m%d-%H%M%S")
    planned = tasks(options.areas, options.inputs, options.seed, out, options.first)
    try:
        tally = run(planned, out, options.workers, Limits(), options.minutes, show)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    (out / "report.json").write_text(json.dumps(as_json(tally, options.seed), indent=1) + "\n")
    print(table(tally), distinct(tally), sep="\n\n")
    counted = f"{sum(tally.counts.values()):,} inputs, {len(tally.faults)} faults"
    print(f"{counted} in {tally.seconds:,.0f} s: {out} {tally.stopped}")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
