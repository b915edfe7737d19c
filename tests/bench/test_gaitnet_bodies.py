"""The sweep of one policy over many bodies."""

import pytest

from batchenv import load_config
from benchmarks.gaitnet_bodies import NUMBERS, main
from tests.evaluate.untrained import save_run, untrained
from tests.tasks.gaitnet.small_scene import CONFIG, write_scene

VARIED = CONFIG.replace(
    "  parameters:\n",
    "  parameters:\n    muscle: {strength: {Gastroc: {min: 0.5, max: 1.0, sampling: adaptive}}}\n",
)


@pytest.mark.slow
def test_it_measures_each_level_of_observed_and_other_parameters_and_draws_them(tmp_path, capsys):
    walker = untrained(load_config(write_scene(tmp_path, VARIED)))
    words = [str(save_run(walker, tmp_path / "run")), "--out", str(tmp_path / "bodies.png"), "--levels", "2"]
    own, other = "muscle.strength.Gastroc", "muscle.optimal_length.L_Psoas+muscle.optimal_length.R_Psoas"
    main([*words, "--walks", "2", "--seconds", "0.5", "--threads", "1", "--parameters", own, other])
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| " + " | ".join(("parameter", "value", *NUMBERS)) + " |"
    cells = [row.split("|")[1:3] for row in rows]
    assert [(name.strip(" `"), float(value)) for name, value in cells] == [
        *((own, 1.0), (own, 0.5)),
        *((other, 1.0), (other, 0.8)),
    ]
    assert (tmp_path / "bodies.png").read_bytes().startswith(b"\x89PNG")
