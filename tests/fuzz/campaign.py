"""Hand inputs to workers, watch over them, and count what became of the inputs."""

import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.outcomes import Outcome

ROOT = Path(__file__).parents[2]
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Limits:
    """What one input may take.

    Attributes:
        cpu: processor time [s]; other work on the machine does not count.
        wall: time, for what sleeps [s].
        memory: more than the worker had before [bytes].
        ready: time in which a worker has to be ready, compilation included [s].
    """

    cpu: float = 10.0
    wall: float = 30.0
    memory: int = 1 << 30
    ready: float = 600.0


@dataclass(frozen=True)
class Task:
    """One input: `number` of an area under a seed, and the folder that it is written into."""

    area: str
    seed: int
    number: int
    folder: Path
    replay: bool = False

    @property
    def line(self) -> str:
        """The task as a worker reads it."""
        return json.dumps(asdict(self) | {"folder": str(self.folder.resolve())}) + "\n"


class HarnessError(Exception):
    """The fuzz test itself is broken: an unchanged input does not work."""


class Worker:
    """A process that attempts inputs; a new one takes the place of one that died or had to be ended."""

    def __init__(self, log: Path, limits: Limits):
        self._log, self._limits = log, limits
        self._scratch = log.with_suffix(".scratch").resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def attempt(self, task: Task) -> Outcome:
        """Attempt an input.

        Raises:
            HarnessError: the area's unchanged input does not work.
        """
        process = self._process or self._begun()
        assert process.stdin is not None
        process.stdin.write(task.line.encode())
        process.stdin.flush()
        for _ in ("ready", "start"):
            event = self._event(time.monotonic() + self._limits.ready)
            if event is None:
                self.end()
                raise HarnessError(f"the unchanged inputs of area {task.area!r} do not work; see {self._log}")
        return self._watched(process)

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
        self._process, self._unread = None, b""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _begun(self) -> subprocess.Popen[bytes]:
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker", str(self._scratch)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **one},
                start_new_session=True,  # Ctrl-C is for the campaign
            )
        return self._process

    def _watched(self, process: subprocess.Popen[bytes]) -> Outcome:
        """Wait for an outcome; end the process where it takes too much."""
        began, cpu, memory = time.monotonic(), _cpu(process.pid), _memory(process.pid)
        limits, outcome = self._limits, None
        while outcome is None:
            event = self._event(time.monotonic() + 0.02)
            if event is not None:
                return Outcome(event["kind"], event["text"], event["place"])
            if process.poll() is not None:
                outcome = Outcome("crash", f"the process ended with code {process.returncode}")
            elif _memory(process.pid) - memory > limits.memory:
                outcome = Outcome("memory", f"more than {limits.memory >> 20} MB")
            elif _cpu(process.pid) - cpu > limits.cpu:
                outcome = Outcome("hang", f"more than {limits.cpu:g} s of processor time")
            elif time.monotonic() - began > limits.wall:
                outcome = Outcome("hang", f"more than {limits.wall:g} s")
        self.end()
        return outcome

    def _event(self, deadline: float) -> dict[str, Any] | None:
        """The next event, or None at the deadline and at the end of the process."""
        assert self._process is not None and self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            if not (read := os.read(pipe, 1 << 16)):
                return None
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)


@dataclass
class Tally:
    """What became of the inputs so far: how many by area and kind, and the faults in the order they came."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[tuple[Task, Outcome, Path]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""


def run(
    tasks: Sequence[Task],
    out: Path,
    workers: int = 1,
    limits: Limits | None = None,
    minutes: float = float("inf"),
    progress: Callable[[Tally], None] | None = None,
) -> Tally:
    """Attempt inputs; those that end in a fault are kept in `out`, each in a folder that can be replayed.

    Args:
        tasks: the inputs.
        out: directory for what is kept.
        workers: number of processes.
        limits: what an input may take.
        minutes: no input is begun after that time.
        progress: called after each input.

    Raises:
        HarnessError: an unchanged input does not work.
    """
    out.mkdir(parents=True, exist_ok=True)
    tally, lock, began = Tally(), threading.Lock(), time.monotonic()
    queue, broken, stop = iter(tasks), [], threading.Event()

    def following() -> Iterator[Task]:
        while not stop.is_set():
            with lock:
                task = next(queue, None)
            if task is None:
                return
            if time.monotonic() - began > 60 * minutes:
                tally.stopped = f"stopped after {minutes:g} minutes"
                return
            yield task

    def serve(number: int) -> None:
        worker = Worker(out / f"worker-{number}.log", limits or Limits())
        try:
            for task in following():
                outcome = worker.attempt(task)
                with lock:
                    kept = _settled(task, outcome, out)
                    tally.counts[task.area, outcome.kind] += 1
                    tally.seconds = time.monotonic() - began
                    if kept is not None:
                        tally.faults.append((task, outcome, kept))
                    if progress is not None:
                        progress(tally)
        except HarnessError as error:
            broken.append(error)
            stop.set()
        finally:
            worker.end()

    threads = [threading.Thread(target=serve, args=(i,), daemon=True) for i in range(workers)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        tally.stopped = "interrupted"
        stop.set()
        for thread in threads:
            thread.join()
    if broken:
        raise broken[0]
    return tally


def _settled(task: Task, outcome: Outcome, out: Path) -> Path | None:
    """Log an outcome; keep the folder of a fault, delete any other."""
    with (out / "outcomes.jsonl").open("a") as log:
        said = asdict(outcome) | {"text": outcome.text[:300]}
        log.write(json.dumps({"area": task.area, "number": task.number, **said}) + "\n")
    if outcome.good:
        shutil.rmtree(task.folder, ignore_errors=True)
        return None
    kept = out / "faults" / f"{task.area}-{task.number}-{outcome.kind}"
    kept.parent.mkdir(exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    task.folder.rename(kept)
    (kept / "outcome.json").write_text(json.dumps(asdict(outcome), indent=1))
    return kept


def _memory(pid: int) -> int:
    """Resident memory of a process [bytes]; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _cpu(pid: int) -> float:
    """Processor time of a process so far [s]; 0 when it is gone."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) * _TICK
    except (OSError, IndexError):
        return 0.0
