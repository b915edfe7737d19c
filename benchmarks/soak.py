"""Does anything grow? A million steps, with all that a long life brings: `make soak`.

    python benchmarks/soak.py --steps 100000 --json soak.json
    python benchmarks/soak.py --worlds 64 --threads 7    # where there are 16 cores: minutes instead of 40

Each round builds two environments of one configuration and seed, and steps them in two threads through ends
and resets, actions under which worlds diverge, changed parameters, snapshots and restores. Both must give the
same bits, and so must each after a restore; everything must be finite. At the end of a round both are closed,
and the process is measured: resident memory, threads, open files. Steps are counted over all worlds. Ctrl-C
ends the run and prints the figures so far. The exit code is 1 if anything grew, differed, or was not finite.
"""

import argparse
import gc
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # scenes are shared with the tests

from batchenv import BatchEnv, Config, load_config
from tests.tasks.gaitnet.small_scene import write_scene

STEPS, WORLDS, THREADS, ROUND = 1_000_000, 16, 1, 120
PRESETS = ("torque", "walk", "excite", "walk_muscle_nn", "crouch")
GROWTH_MB = 32.0  # of resident memory from the second quarter to the last; what the allocator keeps varies


@dataclass
class Events:
    """What happened, and what should not have."""

    steps: int = 0
    environments: int = 0
    episodes: int = 0
    divergences: int = 0
    masked_resets: int = 0
    parameter_changes: int = 0
    restores: int = 0
    not_finite: int = 0
    other_bits_after_restore: int = 0
    other_bits_in_threads: int = 0

    def add(self, other: "Events") -> None:
        """Add what happened elsewhere."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))

    @property
    def faults(self) -> int:
        """How often something happened that should not have."""
        return self.not_finite + self.other_bits_after_restore + self.other_bits_in_threads


@dataclass(frozen=True)
class Sample:
    """The process after a round."""

    steps: int
    rss_mb: float
    threads: int
    files: int


@dataclass
class Soak:
    """All that is known so far."""

    events: Events = field(default_factory=Events)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    def quarter(self, number: int) -> list[Sample]:
        """Samples of a quarter of the run, from 0."""
        count = len(self.samples)
        return self.samples[number * count // 4 : (number + 1) * count // 4] or self.samples[-1:]

    @property
    def growth_mb(self) -> float:
        """Median resident memory of the last quarter over that of the second [MB]."""
        second, last = (median(sample.rss_mb for sample in self.quarter(n)) for n in (1, 3))
        return last - second

    @property
    def growth(self) -> dict[str, int]:
        """Greatest numbers of threads and of open files in the last quarter over those of the second."""
        return {
            name: max(getattr(s, name) for s in self.quarter(3))
            - max(getattr(s, name) for s in self.quarter(1))
            for name in ("threads", "files")
        }

    @property
    def flat(self) -> bool:
        """Whether nothing grew."""
        return self.growth_mb < GROWTH_MB and max(self.growth.values()) <= 0


class Life:
    """One environment through a round.

    Args:
        config: of the environment.
        seed: of its worlds, and of all that happens to them.
        stop: set when the round is to end.
        worlds: of the environment.
        threads: that step them.
    """

    def __init__(self, config: Config, seed: int, stop: threading.Event, worlds: int, threads: int):
        self.config, self.seed, self.stop = config, seed, stop
        self.worlds, self.threads = worlds, threads
        self.events = Events()

    def live(self) -> str:
        """Build, step, close; a hash of all observations, rewards and ends."""
        bits, rng = hashlib.sha256(), np.random.default_rng(self.seed)
        with BatchEnv(self.config, self.worlds, self.threads, self.seed) as env:
            self.events.environments += 1
            bits.update(env.reset().tobytes())
            for step in range(ROUND):
                if self.stop.is_set():
                    break
                self._happens(env, step, rng)
                bits.update(self._step(env, self._actions(env, step, rng)))
            self.events.divergences += env.failures
        return bits.hexdigest()

    def _actions(self, env: BatchEnv, step: int, rng: np.random.Generator) -> np.ndarray:
        """Small ones; every fortieth step one world diverges, or does what it can."""
        actions = rng.normal(0.0, 0.3, (self.worlds, env.action_dim))
        if step % 40 == 39:
            actions[rng.integers(self.worlds)] *= 1e12
        return actions

    def _step(self, env: BatchEnv, actions: np.ndarray) -> bytes:
        obs, rewards, dones = env.step(actions)
        self.events.steps += self.worlds
        self.events.episodes += int(dones.sum())
        if not (np.isfinite(obs).all() and np.isfinite(rewards).all() and np.isfinite(env.final_obs).all()):
            self.events.not_finite += 1
        return obs.tobytes() + rewards.tobytes() + dones.tobytes()

    def _happens(self, env: BatchEnv, step: int, rng: np.random.Generator) -> None:
        """What comes between steps."""
        if step % 15 == 14:
            env.reset(mask=rng.permutation(np.arange(self.worlds) % 4 == 0))
            self.events.masked_resets += 1
        if step % 10 == 9 and env.parameter_names:
            env.set_parameters(rng.permutation(self.worlds)[:4], rng.permutation(env.parameters)[:4])
            self.events.parameter_changes += 1
        if step % 30 == 29:
            snapshot, actions = env.snapshot(), rng.normal(0.0, 0.3, (3, self.worlds, env.action_dim))
            first = [self._step(env, action) for action in actions]
            env.restore(snapshot)
            self.events.restores += 1
            self.events.other_bits_after_restore += first != [self._step(env, action) for action in actions]


def soak(
    configs: list[Config],
    steps: int,
    stop: threading.Event,
    progress: Callable[[Soak], None],
    worlds: int = WORLDS,
    threads: int = THREADS,
) -> Soak:
    """Live round after round until there are as many steps, or until told to stop."""
    found, began, number = Soak(), time.monotonic(), 0
    with ThreadPoolExecutor(2) as pool:
        while found.events.steps < steps and not stop.is_set():
            config = configs[number % len(configs)]
            lives = [Life(config, number, stop, worlds, threads) for _ in range(2)]
            first, second = pool.map(Life.live, lives)
            found.events.other_bits_in_threads += first != second and not stop.is_set()
            for life in lives:
                found.events.add(life.events)
            number += 1
            found.samples.append(_sample(found.events.steps))
            found.seconds = time.monotonic() - began
            progress(found)
    return found


def _sample(steps: int) -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Sample(steps, rss, len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))


def table(found: Soak) -> str:
    """The figures as a table."""
    lines = ["| of the run | second quarter | last quarter |", "|---|---|---|"]
    for name, title in (
        ("rss_mb", "resident memory MB, median"),
        ("threads", "threads, most"),
        ("files", "open files, most"),
    ):
        pick = median if name == "rss_mb" else max
        values = [pick(getattr(sample, name) for sample in found.quarter(n)) for n in (1, 3)]
        lines.append(f"| {title} | {values[0]:,.0f} | {values[1]:,.0f} |")
    lines += ["", "| happened | times |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value:,} |" for name, value in asdict(found.events).items()]
    return "\n".join(lines)


def configurations(folder: Path) -> list[Config]:
    """Presets, with episodes that end by time too, and a small world of GaitNet's."""
    short = {"environment.episode.max_seconds": 2.0}
    return [*(load_config(name).replace(short) for name in PRESETS), load_config(write_scene(folder))]


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="of worlds")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="of each of the two environments")
    parser.add_argument("--threads", type=int, default=THREADS, help="of each of the two environments")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    shown = [0.0]

    def progress(found: Soak) -> None:
        if found.seconds - shown[0] > 5 or found.events.steps >= options.steps:
            shown[0] = found.seconds
            last = found.samples[-1]
            process = f"{last.rss_mb:,.0f} MB, {last.threads} threads, {last.files} files"
            done = f"{found.events.steps:,} of {options.steps:,} steps, {found.seconds:,.0f} s"
            print(f"{done}, {process}, {found.events.faults} faults", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        configs = configurations(Path(folder))
        found = soak(configs, options.steps, stop, progress, options.worlds, options.threads)
    print(table(found))
    ended = "interrupted" if stop.is_set() else "finished"
    verdict = "flat" if found.flat else f"grew: {found.growth_mb:+.0f} MB, {found.growth}"
    print(f"{ended} after {found.seconds:,.0f} s: {found.events.faults} faults, {verdict}")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        summary = asdict(found) | {"flat": found.flat, "growth": {"rss_mb": found.growth_mb, **found.growth}}
        options.json.write_text(json.dumps(summary, indent=1) + "\n")
    return 0 if found.flat and not found.events.faults else 1


if __name__ == "__main__":
    sys.exit(main())
