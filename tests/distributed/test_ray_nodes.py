"""Two Ray nodes: what users start on two machines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from batchenv.distributed.pool import LocalPool, Pool
from batchenv.distributed.rollouts import RunnerRollouts
from batchenv.distributed.runner import MakeBatchEnv
from batchenv.env import BatchEnv
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.report import Report
from batchenv.learn.training import train
from tests.learn.examples import small_config

ray = pytest.importorskip("ray", reason="needs the extra `ray`: make test-ray")
from batchenv.distributed.ray_pool import RayPool  # noqa: E402
from tests.distributed.ray_cluster import Cluster, connected  # noqa: E402

pytestmark = [
    pytest.mark.ray,
    # Ray leaves its processes' pipes, and its sockets, to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with connected(2) as cluster:
        yield cluster


def walked(pool: Pool, run_dir: Path, **options) -> tuple[dict[str, torch.Tensor], list[Report]]:
    """Train the preset `walk` with 2 runners of 4 worlds; the policy's tensors and the reports."""
    config = small_walk()
    reports: list[Report] = []

    def progress(report: Report) -> None:
        reports.append(report)
        options.get("progress", lambda report: None)(report)

    with pool, BatchEnv(config, 1, 1) as env:
        source = RunnerRollouts(pool, env, 8)
        result = train(source, config, run_dir, steps=options.get("steps", 256), progress=progress)
    assert result.steps == result.steps_done == reports[-1].steps
    return load_checkpoint(run_dir).learner["actor_state_dict"], reports


def small_walk():
    return small_config(num_envs=8, num_steps_per_env=8)


def test_two_nodes_train_with_the_bits_of_one_process(cluster: Cluster, tmp_path: Path):
    make_env = MakeBatchEnv(small_walk())
    pool = RayPool(make_env, 2, 4, cpus=1, least_wait=200.0)
    spread, reports = walked(pool, tmp_path / "ray")
    alone, expected = walked(LocalPool(make_env, 2, 4, 1), tmp_path / "local")
    assert spread.keys() == alone.keys()
    assert all(torch.equal(spread[name], alone[name]) for name in spread)
    assert [r.losses for r in reports] == [r.losses for r in expected]
    assert (pool.replaced, pool.late) == (0, 0)


def test_a_killed_node_is_replaced_and_training_completes(cluster: Cluster, tmp_path: Path, caplog):
    pool = RayPool(MakeBatchEnv(small_walk()), 2, 4, cpus=1, least_wait=200.0)
    second = next(iter(cluster.worker_nodes))

    def kill_one(report: Report) -> None:
        if report.steps == 128:
            cluster.remove_node(second, allow_graceful=False)
        if report.steps >= 512:
            pool._await_ready(2)

    _, reports = walked(pool, tmp_path, steps=1024, progress=kill_one)
    steps = np.diff([0, *(report.steps for report in reports)])
    assert set(steps) == {64, 32}  # of two runners, and of the one left
    assert 1024 <= reports[-1].steps < 1024 + 64
    assert steps[-1] == 64  # the other is back
    assert pool.replaced == 1
    assert "runner" in caplog.text and "is replaced, 1 so far" in caplog.text
