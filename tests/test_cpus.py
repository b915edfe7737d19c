import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from batchenv.cpus import cpu_quota, one_blas_thread
from batchenv.engine import available_cpus
from batchenv.learn.policy import Policy


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(("text", "quota"), [("200000 100000\n", 2.0), ("max 100000\n", None), ("", None)])
def test_a_quota_of_version_2_is_read(tmp_path, text, quota):
    write(tmp_path / "cgroup", "0::/job\n")
    write(tmp_path / "fs/job/cpu.max", text)
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "fs") == quota


@pytest.mark.parametrize(("text", "quota"), [("150000\n", 1.5), ("-1\n", None)])
def test_a_quota_of_version_1_is_read(tmp_path, text, quota):
    write(tmp_path / "cgroup", "5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n")
    write(tmp_path / "fs/cpu,cpuacct/job/cpu.cfs_quota_us", text)
    write(tmp_path / "fs/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n")
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "fs") == quota


def test_the_smallest_quota_of_all_groups_above_counts(tmp_path):
    write(tmp_path / "cgroup", "0::/pod/job\n")
    write(tmp_path / "fs/pod/job/cpu.max", "800000 100000\n")
    write(tmp_path / "fs/pod/cpu.max", "300000 100000\n")
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "fs") == 3.0


def test_a_container_sees_its_quota_at_the_root_of_its_mount(tmp_path):
    """Its groups are listed by their paths on the host, which are no paths in the container."""
    write(tmp_path / "cgroup", "0::/kubepods/pod1/abc\n")
    write(tmp_path / "fs/cpu.max", "200000 100000\n")
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "fs") == 2.0


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cpu_quota(tmp_path / "cgroup", tmp_path / "fs") is None


def test_a_quota_is_rounded_up_and_is_never_more_than_the_affinity(monkeypatch):
    usable = len(os.sched_getaffinity(0))
    for quota, cpus in ((None, usable), (0.5, 1), (1e6, usable), (usable - 0.5, usable)):
        monkeypatch.setattr("batchenv.cpus.cpu_quota", lambda *_, quota=quota: quota)
        assert available_cpus() == cpus


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_is_kept_to_one_thread_for_a_while():
    with threadpool_limits(3, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {3}


def test_the_last_thread_to_leave_sets_blas_back():
    with threadpool_limits(3, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {3}


def test_a_policy_acts_by_the_same_bits_on_any_number_of_cpus():
    rng = np.random.default_rng(0)
    sizes = ((256, 72), (256, 256), (14, 256))
    weights = tuple(rng.normal(0.0, 0.1, size).astype(np.float32) for size in sizes)
    biases = tuple(np.zeros(len(weight), np.float32) for weight in weights)
    names = tuple(map(str, range(72)))
    policy = Policy(np.zeros(72, np.float32), np.ones(72, np.float32), weights, biases, names, names[:14], 0)
    obs, actions = rng.normal(size=(20, 72)), []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            actions.append(policy(obs))
    assert np.array_equal(*actions)
