"""Training logged at Weights & Biases, offline."""

import importlib.util

import pytest

from batchenv.cli import main


@pytest.mark.slow
def test_a_run_is_kept_offline_with_its_scalars(tmp_path, monkeypatch, capsys):
    pytest.importorskip("wandb", reason="pip install 'batchenv[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "run"
    words = ["--steps", "512", "--envs", "8", "--threads", "1", "--out", str(out), "--logger", "wandb"]
    main(["train", "walk", *words])
    assert "finished at 512 steps" in capsys.readouterr().out
    assert list(out.glob("events.out.tfevents*")) and (out / "checkpoint.pt").is_file()
    (log,) = out.glob("wandb/offline-run-*/run-*.wandb")
    written = log.read_bytes()  # texts stand in it as they are
    for text in (b"reward/pose", b"rate/steps_per_second", b"episode/length", b"myo_sim:myolegs"):
        assert text in written


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed")
def test_without_wandb_nothing_begins(tmp_path):
    with pytest.raises(SystemExit, match=r"pip install 'batchenv\[wandb\]'"):
        main(["train", "walk", "--logger", "wandb", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
