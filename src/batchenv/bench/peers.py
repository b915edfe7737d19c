"""How fast peers step the same legs: MyoSuite and EnvPool, beside `BatchEnv` in one interleaved run.

Every peer runs in a process of its own, see `peer_worker`, by a Python that has it installed. An alternation
steps the environments and then the peers, each for as many steps of as many substeps, in states of its own.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.bench import peer_worker
from batchenv.bench.measurement import STEPS_PER_TURN, Turn, check_sizes, timed, total
from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.errors import InputError

TABLE_HEAD = (
    "| environment | computes | worlds | threads | steps/s | CPU us per world and substep "
    "| CPU time over that of the first |\n" + "|---" * 7 + "|"
)
PEERS = tuple(peer_worker.PEERS)
# Physics and control of the peers' task, which the environments compared with it get, too [Hz].
PEER_RATES = {"environment.simulation.sim_hz": 1000, "environment.simulation.control_hz": 100}
_WORKER = Path(peer_worker.__file__)


@dataclass(frozen=True)
class PeerRow:
    """One line of the table.

    Attributes:
        name: of the environment.
        computes: what a step of it is.
        envs, threads: sizes.
        steps_per_second: environment steps, wall time.
        cpu_us_per_substep: CPU time per world and substep [us], all threads.
        cpu_ratio: median over alternations of its CPU time over that of the first environment.
        ratio_spread: half the distance between the quartiles of that ratio.
    """

    name: str
    computes: str
    envs: int
    threads: int
    steps_per_second: float
    cpu_us_per_substep: float
    cpu_ratio: float
    ratio_spread: float

    def table_line(self) -> str:
        """Return the row as Markdown, below `TABLE_HEAD`."""
        return (
            f"| {self.name} | {self.computes} | {self.envs} | {self.threads} | {self.steps_per_second:,.0f} "
            f"| {self.cpu_us_per_substep:.1f} | {self.cpu_ratio:.2f} +- {self.ratio_spread:.2f} |"
        )


def installed_peers(python: str) -> tuple[dict[str, str], list[str]]:
    """Return the versions of the peers that a Python has, and a sentence about each that it lacks.

    Raises:
        InputError: it cannot be run.
    """
    try:
        words = [python, str(_WORKER), "--installed"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        versions: dict[str, str | None] = json.loads(said)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InputError(
            f"{python} cannot say which peers it has ({error}); expected a Python with NumPy"
        ) from error
    absent = [_absence(name, python) for name, version in versions.items() if version is None]
    return {name: version for name, version in versions.items() if version is not None}, absent


def _absence(name: str, python: str) -> str:
    distribution = peer_worker.DISTRIBUTIONS[name]
    return (
        f"{name} is left out, because {python} does not have it: pip install {distribution} in an "
        "environment of its own, and name the Python of that one with --peer-python."
    )


def benchmark_peers(
    configs: Mapping[str, Config],
    peers: Mapping[str, str],
    python: str,
    envs: list[int],
    threads: list[int],
    alternations: int = 7,
) -> Iterator[PeerRow]:
    """Measure environments and peers at every size.

    Args:
        configs: of the environments, by name.
        peers: versions of the peers, by name.
        python: that has them.
        envs: numbers of worlds.
        threads: numbers of threads; MyoSuite's worlds run on one, whatever is asked.
        alternations: turns of each, at least 5.

    Raises:
        InputError: a number is impossible, or a peer does not start.
    """
    check_sizes(envs, threads, alternations)
    return (
        row
        for num_threads in threads
        for num_envs in envs
        for row in _compare(configs, peers, python, num_envs, num_threads, alternations)
    )


class _Environment:
    """A `BatchEnv` under random actions."""

    def __init__(self, name: str, config: Config, num_envs: int, num_threads: int):
        self.name, self.threads = f"batchenv, {name}", num_threads
        self.env = BatchEnv(config, num_envs, num_threads, seed=0)
        self.env.reset()
        worlds, muscle = self.env.worlds, config.environment.muscle
        self.excited = config.environment.skeleton.actuator == "muscle"
        how = "excitations" if self.excited else f"joint targets, {muscle.coordinator}"
        self.substeps, self.rng = worlds.substeps, np.random.default_rng(0)
        self.computes = _computes(
            len(worlds.body.muscle_names), self.substeps, worlds.timestep, f"{how}; paths {muscle.paths}"
        )

    def turn(self) -> Turn:
        """Step it."""
        shape = (STEPS_PER_TURN, self.env.num_envs, self.env.action_dim)
        drawn = self.rng.uniform(0.01, 0.1, shape) if self.excited else self.rng.normal(0.0, 0.3, shape)
        return total([timed(lambda a=actions: self.env.step(a)) for actions in drawn.astype(np.float32)])

    def close(self) -> None:
        """Free the worlds."""
        self.env.close()


class Peer:
    """A peer in a process of its own, to be started first."""

    def __init__(self, name: str, version: str, python: str, num_envs: int, num_threads: int):
        self.name = f"{name} {version}, {peer_worker.TASK}"
        words = [python, str(_WORKER), name, str(num_envs), str(num_threads)]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed by `close`
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        self.threads = 1 if name == "MyoSuite" else num_threads

    def start(self) -> None:
        """Wait until it can step.

        Raises:
            InputError: its process ended; says why.
        """
        about: dict[str, Any] = self._answer()
        self.substeps: int = about["substeps"]
        self.computes = _computes(about["muscles"], self.substeps, about["timestep"], about["how"])

    def turn(self) -> Turn:
        """Let it step."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the answer tells why
            self._process.stdin.write(f"{STEPS_PER_TURN}\n")
            self._process.stdin.flush()
        return Turn(*self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            said = self._said.read().strip().splitlines()
            raise InputError(f"{self.name} did not step: {said[-1] if said else 'its process ended'}")
        return json.loads(line)


def _computes(muscles: int, substeps: int, timestep: float, how: str) -> str:
    return f"{muscles} muscles, {substeps} x {1e3 * timestep:g} ms; {how}"


def _compare(
    configs: Mapping[str, Config],
    peers: Mapping[str, str],
    python: str,
    num_envs: int,
    num_threads: int,
    alternations: int,
) -> Iterator[PeerRow]:
    with ExitStack() as stack:
        contenders: list[_Environment | Peer] = []
        for name, config in configs.items():
            contenders.append(_Environment(name, config, num_envs, num_threads))
            stack.callback(contenders[-1].close)
        for name, version in peers.items():
            peer = Peer(name, version, python, num_envs, num_threads)
            stack.callback(peer.close)
            peer.start()
            contenders.append(peer)
        turns = [[each.turn() for each in contenders] for _ in range(alternations + 1)][1:]
        per_substep = [
            [t.cpu / each.substeps for t, each in zip(row, contenders, strict=True)] for row in turns
        ]
        ratios = np.array([[cpu / row[0] for cpu in row] for row in per_substep])
        for k, each in enumerate(contenders):
            low, ratio, high = np.quantile(ratios[:, k], [0.25, 0.5, 0.75])
            steps = STEPS_PER_TURN * num_envs
            yield PeerRow(
                name=each.name,
                computes=each.computes,
                envs=num_envs,
                threads=each.threads,
                steps_per_second=round(steps / float(np.median([row[k].wall for row in turns])), 1),
                cpu_us_per_substep=round(1e6 * float(np.median([row[k] for row in per_substep])) / steps, 2),
                cpu_ratio=round(float(ratio), 3),
                ratio_spread=round(float(high - low) / 2, 3),
            )
