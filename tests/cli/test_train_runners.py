import re
import sys
from pathlib import Path

import pytest

from batchenv.cli import main
from batchenv.learn.policy import load_policy

WORDS = ("train", "walk", "--envs", "4", "--steps", "256", "--threads", "1")


def test_runners_train_in_one_process(tmp_path: Path, capsys):
    main([*WORDS, "--env-runners", "2", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "4 worlds of" in printed and "on 2 runners of 1 thread" in printed
    assert "finished at 256 steps" in printed and load_policy(tmp_path).steps == 256
    assert "died" not in printed


def test_two_halves_in_flight_train_as_one_runner(tmp_path: Path, capsys):
    main([*WORDS, "--overlap", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "on 1 runner of 1 thread" in printed and "finished at 256 steps" in printed


def test_a_warm_start_says_what_it_takes_over(tmp_path: Path, capsys):
    seen = "environment.observation.terms.action_delay={}"
    main([*WORDS, "--warm-start", "walk", "--set", seen, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert re.search(
        r"the earlier networks know (\d+) of (\d+) observations \(new: action_delay\) and 14 of 14 actions; "
        "for 65,536 steps the value function alone learns",
        printed,
    )


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_trains_the_policy_that_one_process_trains(tmp_path: Path, capsys):
    pytest.importorskip("ray", reason="needs the extra `ray`: make test-ray")
    for name, words in (("ray", ["--ray"]), ("local", [])):
        main([*WORDS, "--env-runners", "2", *words, "--out", str(tmp_path / name)])
        assert "finished at 256 steps" in capsys.readouterr().out
    ray, local = (load_policy(tmp_path / name) for name in ("ray", "local"))
    assert all((a == b).all() for a, b in zip(ray.weights, local.weights, strict=True))


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_address_without_a_cluster_is_said_to_be_one(tmp_path: Path):
    pytest.importorskip("ray", reason="needs the extra `ray`: make test-ray")
    with pytest.raises(
        SystemExit, match="no Ray cluster at address 'auto' .*; start one with: ray start --head"
    ):
        main([*WORDS, "--ray", "--env-runners", "2", "--address", "auto", "--out", str(tmp_path)])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ray"], "--ray needs a number of runners: add --env-runners K"),
        (["--address", "auto"], "--address is the address of a Ray cluster: add --ray"),
        (["--env-runners", "3"], "4 worlds cannot be split evenly over 3 runners"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(tmp_path: Path, words: list[str], message: str):
    with pytest.raises(SystemExit, match=re.escape(message)):
        main([*WORDS, *words, "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "batchenv.distributed.ray_pool", raising=False)
    with pytest.raises(SystemExit, match=re.escape("pip install 'batchenv[ray]'")):
        main([*WORDS, "--ray", "--env-runners", "2", "--out", str(tmp_path)])
