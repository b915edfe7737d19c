"""Runners that are late, hang, fail or die, on one node."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from batchenv.distributed.pool import LocalPool
from batchenv.distributed.runner import Rollout, RolloutRequest
from batchenv.errors import BatchEnvError
from tests.distributed.obedient_points import MakePoints
from tests.distributed.test_runner import still

ray = pytest.importorskip("ray", reason="needs the extra `ray`: make test-ray")
from batchenv.distributed.ray_pool import MOST_DEATHS, RayPool, largest_share  # noqa: E402
from tests.distributed.ray_cluster import Cluster, connected  # noqa: E402

pytestmark = [
    pytest.mark.ray,
    # Ray leaves its processes' pipes, and its sockets, to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LONG = 200.0
"""What a busy machine does not need, and no test waits for [s]."""
SHORT = 2.0
"""Bound of a round that somebody is late in, and is known to be [s]."""


@pytest.fixture(scope="module")
def one_node() -> Iterator[Cluster]:
    with connected(1) as cluster:
        yield cluster


def points(orders: Path | None = None, **options: float) -> RayPool:
    """Two runners of 16 point masses; the second reads orders from a file."""
    options = {"cpus": 1, "least_wait": LONG} | options
    return RayPool(MakePoints(orders), 2, 16, **options)


def make_request(steps: int) -> RolloutRequest:
    return RolloutRequest(still(4, 2), np.full(2, 0.1, np.float32), 16, 0, steps)


def same(a: Rollout, b: Rollout) -> bool:
    names = ("obs", "last_obs", "actions", "means", "rewards", "dones", "time_outs", "final_obs")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_a_late_rollout_counts_in_the_next_round(one_node: Cluster, tmp_path: Path, caplog):
    file = tmp_path / "orders"
    with points(file) as pool, LocalPool(MakePoints(), 2, 16, 1) as prompt:
        pool.begin(3)
        prompt.begin(3)
        assert all(map(same, pool.collect(make_request(0)), prompt.collect(make_request(0))))
        file.write_text("wait")
        pool.least_wait, begun = SHORT, time.monotonic()
        (first,) = pool.collect(make_request(1))
        assert SHORT <= time.monotonic() - begun < pool.most_wait
        assert pool.late == 1 and "runner 1 is late" in caplog.text
        pool.least_wait = LONG
        file.with_name("go").touch()
        expected = prompt.collect(make_request(1))
        assert same(first, expected[0])
        fresh, late = pool.collect(make_request(2))
        assert same(late, expected[1]) and (fresh.steps, late.steps) == (2, 1)
        assert [r.steps for r in pool.collect(make_request(3))] == [3, 3]
        assert (pool.replaced, pool.late) == (0, 1)


def test_a_runner_that_hangs_is_replaced(one_node: Cluster, tmp_path: Path, caplog):
    file = tmp_path / "orders"
    with points(file, least_wait=SHORT) as pool:
        pool.begin(0)
        file.write_text("wait")
        assert [len(pool.collect(make_request(steps))) for steps in range(2)] == [1, 1]
        assert (pool.late, pool.replaced) == (1, 1)
        assert "runner 1 died (2 rounds without a rollout)" in caplog.text
        pool.least_wait = LONG
        wait_for_two(pool)


def test_a_killed_runner_goes_on_in_new_episodes(one_node: Cluster, tmp_path: Path):
    with points() as pool:
        pool.begin(0)
        first = pool.collect(make_request(0))[1]
        ray.kill(pool._slots[1].actor)
        (left,) = pool.collect(make_request(1))
        assert left.steps == 1 and pool.replaced == 1
        assert not np.isclose(wait_for_two(pool).obs[0], first.obs[0]).any()


def test_a_replacement_that_cannot_be_built_is_tried_again_and_counts_once(
    one_node: Cluster, tmp_path: Path, caplog
):
    file = tmp_path / "orders"
    with points(file) as pool:
        pool.begin(0)
        file.write_text("stillborn")
        ray.kill(pool._slots[1].actor)
        wait_for_two(pool)
        assert not file.exists() and pool.replaced == 1
    assert "runner 1 could not build its worlds" in caplog.text and "is started again" in caplog.text


def wait_for_two(pool: RayPool) -> Rollout:
    """Go on until the second runner is back; its first rollout."""
    deadline = time.monotonic() + LONG
    while len(rollouts := pool.collect(make_request(7))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return rollouts[1]


def test_a_runner_that_keeps_dying_ends_the_run(one_node: Cluster, tmp_path: Path):
    file = tmp_path / "orders"
    with points(file) as pool:
        pool.begin(0)
        file.write_text("die")
        deadline = time.monotonic() + 2 * LONG
        with pytest.raises(BatchEnvError, match=f"runner 1 died {MOST_DEATHS + 1} times in a row"):
            while time.monotonic() < deadline:
                pool.collect(make_request(0))


def test_an_error_in_a_runner_is_raised_here(one_node: Cluster, tmp_path: Path):
    file = tmp_path / "orders"
    with points(file) as pool:
        pool.begin(0)
        file.write_text("fail")
        with pytest.raises(BatchEnvError, match=r"runner 1 failed: told to fail"):
            pool.collect(make_request(0))


def test_runners_that_find_no_room_are_named(one_node: Cluster, caplog):
    with points(cpus=2, start_wait=3.0) as pool:
        expected = r"only [01] of 2 runners, each of 2 CPUs, had their worlds within 3 s; .* nodes of \[2\]"
        with pytest.raises(BatchEnvError, match=expected):
            pool.begin(0)
    assert "Ray has 2 CPUs too few" in caplog.text


def test_a_runner_is_given_the_cpus_of_its_node(one_node: Cluster):
    with points(cpus=None) as pool:
        assert pool.cpus == 1


def test_shares_are_the_largest_that_let_all_runners_run():
    assert largest_share([16, 16], 2) == 16
    assert largest_share([16, 16], 3) == 8  # two on one node, one on the other
    assert largest_share([16, 4], 2) == 8  # rather than 4 on each
    assert largest_share([1], 4) == largest_share([], 1) == 1
