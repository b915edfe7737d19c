"""CPUs: how many this process may use, by its affinity and its quota, and BLAS kept to one of them."""

import functools
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from threadpoolctl import ThreadpoolController


def available_cpus() -> int:
    """Number of CPUs that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = cpu_quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return usable if quota is None else max(1, min(usable, math.ceil(quota)))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep NumPy's matrix products on one thread, which takes 20 us.

    Its usual threads spin for milliseconds while they wait for a CPU that is busy, and round sums differently
    than one thread does: results would depend on the number of CPUs. The number is one for the whole process:
    of several threads of Python, the last to leave sets it back.
    """
    global _users, _limiter
    with _lock:
        if _users == 0:
            _limiter = _thread_pools().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limiter.restore_original_limits()


_lock = threading.Lock()
_users, _limiter = 0, cast(Any, None)


@functools.cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


def cpu_quota(membership: Path, mount: Path) -> float | None:
    """The smallest CPU quota of a process's control groups, in CPUs; None where there is none.

    Args:
        membership: the process's groups, as Linux lists them in /proc/self/cgroup.
        mount: where the groups' files are, of version 1 or 2.
    """
    quotas = [quota for group in _groups(membership, mount) if (quota := _quota_of(group)) is not None]
    return min(quotas, default=None)


def _groups(membership: Path, mount: Path) -> Iterator[Path]:
    """Folders of all groups that limit a process, its own and those above."""
    for line in _text(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        root = mount / controllers if controllers else mount
        if not controllers or "cpu" in controllers.split(","):
            place = root / path.lstrip("/")
            yield from (folder for folder in (place, *place.parents) if folder.is_relative_to(root))


def _quota_of(group: Path) -> float | None:
    quota, _, period = _text(group / "cpu.max").partition(" ")  # version 2
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such files
        return None
    return cpus if cpus > 0 else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
