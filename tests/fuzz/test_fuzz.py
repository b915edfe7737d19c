"""The fuzz test notices every kind of fault, repeats itself, and finds none in a slice of its inputs."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.__main__ import as_json, distinct, main, table, tasks
from tests.fuzz.areas import SHARES
from tests.fuzz.campaign import HarnessError, Limits, Task, run
from tests.fuzz.damage import damaged_bytes, damaged_text
from tests.fuzz.outcomes import FAULTS, GOOD

SLICE, LONG = 20, 1000
QUICK = Limits(cpu=5.0, wall=3.0, memory=1 << 26)


def asked_for(outcome: str, out: Path) -> Task:
    """An input that comes to an outcome."""
    folder = out / f"faulty-{outcome}"
    folder.mkdir()
    spec = {"area": "faulty", "seed": 0, "number": 0, "outcome": outcome, "names": ["speed"]}
    (folder / "input.json").write_text(json.dumps(spec))
    return Task("faulty", 0, 0, folder, replay=True)


def test_every_kind_of_outcome_is_told_from_the_others(tmp_path):
    kinds = (*GOOD, *FAULTS)
    tally = run([asked_for(kind, tmp_path) for kind in kinds], tmp_path / "out", limits=QUICK)
    assert dict(tally.counts) == {("faulty", kind): 1 for kind in kinds}
    assert [outcome.kind for _, outcome, _ in tally.faults] == list(FAULTS)
    assert "| all | 9 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 |" in table(tally)
    assert all(f"faulty: {kind}" in distinct(tally) for kind in FAULTS)
    assert as_json(tally, 0)["inputs"] == 9


def test_a_fault_is_kept_and_can_be_replayed(tmp_path, capsys):
    planned = [Task("faulty", 0, number, tmp_path / f"input-{number}") for number in (3, 4, 5)]
    tally = run(planned, tmp_path / "out", limits=QUICK)
    assert dict(tally.counts) == {("faulty", kind): 1 for kind in ("silent", "foreign", "works")}
    assert not any(task.folder.exists() for task in planned)
    assert main(["--replay", str(tmp_path / "out/faults/faulty-4-foreign")]) == 1
    assert "foreign" in capsys.readouterr().out


def test_an_area_whose_unchanged_inputs_do_not_work_is_no_result(tmp_path):
    with pytest.raises(HarnessError, match="nowhere"):
        run([Task("nowhere", 0, 0, tmp_path / "input")], tmp_path / "out")


def test_the_same_seed_and_number_make_the_same_damage():
    text = "environment: {motion: {speed: 1.24}}\ntraining: {steps: 3}\n"
    for damage, data in ((damaged_bytes, text.encode()), (damaged_text, text)):
        made = [[damage(np.random.default_rng(k), data) for k in range(40)] for _ in range(2)]
        assert made[0] == made[1]
        assert len(set(made[0])) > 20 and data not in made[0]


def test_inputs_are_shared_among_the_areas(tmp_path):
    planned = tasks(list(SHARES), 500, 0, tmp_path)
    counts = {area: sum(task.area == area for task in planned) for area in SHARES}
    assert abs(sum(counts.values()) - 500) <= len(SHARES)
    assert counts["api"] == counts["configs"] > counts["commands"] > 0
    assert len({task.folder for task in planned}) == len(planned)


def _no_fault_in(inputs: int, areas: list[str], out: Path, workers: int) -> None:
    tally = run(tasks(areas, inputs, 0, out), out, workers)
    assert sum(tally.counts.values()) >= inputs - len(areas)
    assert not tally.faults, f"{table(tally)}\n{distinct(tally)}"


@pytest.mark.slow
def test_a_slice_of_the_inputs_works_or_is_refused(tmp_path):
    _no_fault_in(SLICE, ["api", "configs"], tmp_path, 1)


@pytest.mark.slow
def test_many_inputs_work_or_are_refused(tmp_path):
    _no_fault_in(int(os.environ.get("N", LONG)), list(SHARES), tmp_path, 2)
