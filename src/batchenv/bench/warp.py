"""How fast worlds step on a Warp device, against the limit: bare `mujoco_warp.step` of the same model.

Both run interleaved in one process: a turn steps the environment, then the bare worlds from the same states
under the excitations that the environment's muscles had. The environment is a `DeviceEnv` where that supports
the configuration, as in training, and a `BatchEnv` elsewhere.
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.bench.measurement import STEPS_PER_TURN, check_sizes, timed, total
from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.errors import HostOnlyError
from batchenv.extras import import_extra

TABLE_HEAD = (
    "| config | device | environment | worlds | steps/s | bare mujoco_warp.step: steps/s | ratio "
    "| MB per world |\n" + "|---" * 8 + "|"
)


@dataclass(frozen=True)
class WarpRow:
    """One line of the table.

    Attributes:
        config: name of the configuration.
        device: name of the GPU, or "CPU".
        environment: "DeviceEnv" or "BatchEnv".
        envs: number of worlds.
        steps_per_second: environment steps, wall time.
        bare_steps_per_second: as many substeps of bare MuJoCo Warp, in the same turns.
        ratio_to_bare: median over turns of the bare worlds' wall time over the environment's.
        mb_per_env: memory of a world on the device, without what MuJoCo Warp takes while it steps [MB].
    """

    config: str
    device: str
    environment: str
    envs: int
    steps_per_second: float
    bare_steps_per_second: float
    ratio_to_bare: float
    mb_per_env: float

    def table_line(self) -> str:
        """Return the row as Markdown, below `TABLE_HEAD`."""
        return (
            f"| {self.config} | {self.device} | {self.environment} | {self.envs} "
            f"| {self.steps_per_second:,.1f} | {self.bare_steps_per_second:,.1f} | {self.ratio_to_bare:.3f} "
            f"| {self.mb_per_env:.2f} |"
        )


def benchmark_warp(name: str, config: Config, envs: list[int], turns: int = 7) -> Iterator[WarpRow]:
    """Measure a configuration at every size, on the device that Warp prefers.

    Args:
        name: of the configuration.
        config: the whole configuration; its engine must be warp.
        envs: numbers of worlds.
        turns: how often 8 steps are measured, at least 5.

    Raises:
        InputError: a number is impossible; nothing is measured.
        UsageError: MuJoCo Warp is not installed, or does not support the configuration.
    """
    check_sizes(envs, [1], turns)
    import_extra("mujoco_warp", "bench --engine warp")
    return (_row(name, config, num_envs, turns) for num_envs in envs)


class _Bare:
    """Worlds of bare MuJoCo Warp that follow an environment."""

    def __init__(self, worlds: Any):
        import mujoco_warp
        import warp

        from batchenv.engine.warp.support import bare_worlds, compiling

        self._warp, self._device = warp, worlds.device
        with warp.ScopedDevice(self._device):
            # A graph works in the memory of both, and does not keep them.
            self._model, self._data = bare_worlds(worlds.model, worlds.num_worlds)
            with compiling():
                mujoco_warp.step(self._model, self._data)  # loads all kernels
            with warp.ScopedCapture() as capture:
                for _ in range(worlds.substeps):
                    mujoco_warp.step(self._model, self._data)
            self._graph = capture.graph

    def write(self, name: str, values: np.ndarray) -> None:
        """Copy values (N, ...) into a field."""
        getattr(self._data, name).assign(values)

    def step(self) -> None:
        """Take the substeps of a control step, and wait for them."""
        self._warp.capture_launch(self._graph)
        self.wait()

    def wait(self) -> None:
        """Wait for all work of the device, the environment's too."""
        self._warp.synchronize_device(self._device)


def _environment(config: Config, num_envs: int) -> Any:
    """Return the environment to measure: a `DeviceEnv`, or a `BatchEnv` where Torch or a twin is missing."""
    try:
        from batchenv.device_env import DeviceEnv
    except ImportError:
        return BatchEnv(config, num_envs, seed=0)
    try:
        return DeviceEnv(config, num_envs, seed=0)
    except HostOnlyError:
        return BatchEnv(config, num_envs, seed=0)


def _host_copy(array: Any) -> np.ndarray:
    """Copy an array or a tensor to the host."""
    return (array if isinstance(array, np.ndarray) else array.cpu().numpy()).copy()


def _row(name: str, config: Config, num_envs: int, turns: int) -> WarpRow:
    with _environment(config, num_envs) as env:
        worlds: Any = env.worlds
        bare, rng = _Bare(worlds), np.random.default_rng(0)
        env.reset()
        hand_over = np.asarray if isinstance(env, BatchEnv) else worlds.tensor

        def step(actions: Any) -> None:
            env.step(actions)
            bare.wait()

        excited = config.environment.skeleton.actuator == "muscle"
        walls: list[tuple[float, float]] = []
        gc.freeze()  # keeps the garbage collector from searching loaded modules while the clock runs
        for turn in range(turns + 1):
            start = {field: _host_copy(worlds.bind(field)) for field in ("qpos", "qvel", "act")}
            steps, excitations = [], []
            for _ in range(STEPS_PER_TURN):
                shape = (num_envs, env.action_dim)
                actions = rng.uniform(0.0, 0.1, shape) if excited else rng.normal(0.0, 0.3, shape)
                given = hand_over(actions)
                steps.append(timed(lambda a=given: step(a)))
                excitations.append(_host_copy(worlds.bind("ctrl")))
            for field, values in start.items():
                bare.write(field, values)
            followed = []
            for excitation in excitations:
                bare.write("ctrl", excitation)
                followed.append(timed(bare.step))
            if turn > 0:  # the first one loads kernels and captures graphs
                walls.append((total(steps).wall, total(followed).wall))
        gc.unfreeze()
        own, limit = np.median(walls, axis=0)
        return WarpRow(
            config=name,
            environment=type(env).__name__,
            device="CPU" if worlds.device.is_cpu else worlds.device.name,
            envs=num_envs,
            steps_per_second=round(STEPS_PER_TURN * num_envs / own, 1),
            bare_steps_per_second=round(STEPS_PER_TURN * num_envs / limit, 1),
            ratio_to_bare=round(float(np.median([b / a for a, b in walls])), 4),
            mb_per_env=round(worlds.bytes_per_world / 1e6, 2),
        )
