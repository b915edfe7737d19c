import os

import pytest

from batchenv.cpus import cpu_quota
from batchenv.engine import available_cpus


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
