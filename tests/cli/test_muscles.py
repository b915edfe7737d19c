import re

import pytest

from batchenv.cli import main
from batchenv.learn import muscle_pretraining


def run(*words):
    main([str(word) for word in words])


def test_pretraining_writes_weights_beside_what_static_optimisation_does(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(muscle_pretraining, "_POOL", 2000)
    monkeypatch.setattr(muscle_pretraining, "_HELD_OUT", 200)
    out = tmp_path / "weights.npz"
    run("pretrain-muscles", "walk_muscle_nn", "--out", out, "--minutes", 0.02, "--threads", 1, "--half")
    printed = capsys.readouterr().out
    assert f"weights: {out}" in printed and "knee_angle_l" in printed and "static optimisation" in printed
    assert 100_000 < out.stat().st_size < 1_000_000


def test_weights_have_to_have_a_place(tmp_path):
    with pytest.raises(SystemExit, match="there is no directory"):
        run("pretrain-muscles", "--out", tmp_path / "no" / "weights.npz")


def test_coordinators_are_compared_in_a_table_and_a_plot(tmp_path, capsys):
    plot = tmp_path / "plot.png"
    run("compare-coordinators", "--envs", 2, "--steps", 5, "--threads", 1, "--plot", plot)
    printed = capsys.readouterr().out
    assert printed.startswith("100 substeps") and "hip_flexion_r" in printed
    assert re.search(r"mean squared activation: 0\.\d+ and 0\.\d+", printed)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_without_weights_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(SystemExit, match="error: there are no trained weights"):
        run("compare-coordinators", "walk", "--plot", tmp_path / "plot.png")
