"""Walks as the NPZ archive that mm-evalkit, MuscleMimic's evaluation against humans, reads.

The archive is that of mm-evalkit 0.1.0 (`mm_evalkit/workflows/gait/rollout_validation.py`): 100 samples a
second of MyoFullBody's joints and muscles in its order, those that `myolegs` lacks at zero. A sample is the
state at the end of a substep; forces and torques are those of its beginning.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from batchenv.body import Body
from batchenv.config.paths import PACKAGE_DATA
from batchenv.env import BatchEnv
from batchenv.errors import InputError, UsageError
from batchenv.evaluate.numbers import MOST_STRIDES, MOST_WALKS, check_count, check_threads
from batchenv.evaluate.record import Sampler, record_walks
from batchenv.evaluate.walker import Walker
from batchenv.files import check_output_file, write_atomically
from batchenv.files.paths import checked_path, is_directory
from batchenv.rng import checked_seed

CHANNELS_FILE = PACKAGE_DATA / "myofullbody_channels.json"
ROOT_NQ = 7  # position and quaternion of the root, before the joints' one coordinate each
DT = 0.01  # time between two samples, the only one that mm-evalkit takes [s]


class EvalkitSampler(Sampler):
    """A `Sampler` of every substep that also takes all coordinates, and the load under foot and toes.

    The sites of the touch sensors miss contacts at the edge of a foot: what they feel at the toes is taken,
    and the rest of the vertical force is the foot's.
    """

    def __init__(self, env: BatchEnv):
        super().__init__(env, 1.0 / env.worlds.timestep)

    def _measure(self) -> dict[str, np.ndarray]:
        measured, worlds = super()._measure(), self._env.worlds
        vertical = measured["grf"][:, :, 2]
        toes = np.clip(worlds.bind("sensordata")[:, _body(self._env).foot_sensor_adr[1::2]], 0.0, vertical)
        load = np.stack([vertical - toes, toes], axis=2).reshape(-1, 4)  # right foot, right toes, left ...
        return measured | {"qpos": worlds.qpos, "foot_load": load}


class Episodes:
    """Samples of several walks, taken as they come; a `Sink`.

    Args:
        count: number of walks.
    """

    NEEDED = ("qpos", "foot_load", "activation", "joint_torque")

    def __init__(self, count: int):
        self._parts: list[list[dict[str, np.ndarray]]] = [[] for _ in range(count)]

    def append(self, **samples: Any) -> None:
        """Keep samples (n, ...), each with the index of its walk in `episode`."""
        for episode in np.unique(samples["episode"]):
            rows = samples["episode"] == episode
            self._parts[episode].append({name: samples[name][rows] for name in self.NEEDED})

    def end_episode(self, episode: int, ended: str, parameters: Any = None) -> None:
        """Nothing is kept of how a walk ended: its length tells."""

    def arrays(self, episode: int, dt: float) -> dict[str, np.ndarray]:
        """Samples of a walk (T, ...) every `DT`, between those that were taken every dt [s]."""
        parts = self._parts[episode]
        if not parts:
            raise UsageError(
                f"the physics of walk {episode} failed in its first step: there is nothing to write"
            )
        return {name: _resampled(np.concatenate([part[name] for part in parts]), dt) for name in self.NEEDED}


def export(
    walker: Walker,
    file: str | Path,
    strides: int = 100,
    walks: int = 1,
    seed: int = 0,
    num_threads: int | None = None,
) -> list[str]:
    """Walk, and write the walks into an archive for mm-evalkit.

    Args:
        walker: who walks; it has muscles.
        file: the NPZ file, replaced if it exists.
        strides: length of each walk, in cycles of the reference gait; one that falls is shorter.
        walks: how many, each from a start of its own.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Returns:
        How each walk ended: "completed" or "fell".

    Raises:
        InputError: no NPZ file has that name, a number is impossible, or the body is not `myolegs` with
            muscles at work.
        OutputError: the file cannot be written.
        Interrupted: SIGINT, SIGTERM or SIGHUP came; nothing is written.
        UsageError: the physics of a walk failed in its first step.
    """
    path = checked_path("file", file)
    if path.suffix != ".npz" or not is_directory(path.parent):
        raise InputError(f"{path}: expected the name of an .npz file in a directory")
    check_output_file(path)
    check_count("strides", strides, MOST_STRIDES)
    check_count("walks", walks, MOST_WALKS)
    check_threads("num_threads", num_threads)
    checked_seed(seed)
    with walker.worlds(walks, strides * walker.period(), num_threads) as env:
        columns = _columns(env)
        sampler, episodes = EvalkitSampler(env), Episodes(walks)
        obs = env.reset(seed)
        phase = env.task.reference_phase(env.snapshot().task)
        ended = record_walks(walker.policy, env, obs, sampler, episodes)
        _write(path, _archive(env, sampler, episodes, columns, phase))
    return ended


def _body(env: BatchEnv) -> Body:
    """The body, once `_columns` has found that it is one of the format's."""
    assert isinstance(env.body, Body)
    return env.body


def _columns(env: BatchEnv) -> tuple[int, np.ndarray, int, np.ndarray]:
    """Width of MyoFullBody's coordinates and where ours stand there, and the same of its muscles."""
    channels = json.loads(CHANNELS_FILE.read_text(encoding="utf-8"))
    joints, muscles, body, model = channels["joints"], channels["muscles"], env.body, env.worlds.model
    own = [model.joint(i).name for i in range(1, model.njnt)]
    foreign = [name for name in (*own, *body.muscle_names) if name not in {*joints, *muscles}]
    sensed = isinstance(body, Body) and body.foot_sensor_names
    if foreign or not sensed or env.task.actuator not in ("mass", "muscle"):
        lacking = f"MyoFullBody has no {foreign[0]!r}" if foreign else "muscles or touch sensors are missing"
        raise InputError(f"mm-evalkit reads walks of the muscles of myo_sim:myolegs, not these: {lacking}")
    coordinates = [*range(ROOT_NQ), *(joints.index(name) + ROOT_NQ - 1 for name in own)]
    return (
        len(joints) + ROOT_NQ - 1,
        np.array(coordinates),
        len(muscles),
        np.array([muscles.index(name) for name in body.muscle_names]),
    )


def _archive(
    env: BatchEnv,
    sampler: Sampler,
    episodes: Episodes,
    columns: tuple[int, np.ndarray, int, np.ndarray],
    phase: np.ndarray,
) -> Iterator[tuple[str, Any]]:
    """Entries of the archive, by name."""
    joints, coordinates, muscles, own_muscles = columns
    body, length = _body(env), _count(env.max_episode_steps * env.control_dt)
    yield "n_episodes", len(phase)
    yield "dt", DT
    yield "joint_names", np.array(json.loads(CHANNELS_FILE.read_text(encoding="utf-8"))["joints"])
    yield "activation_sample_phase", "pre_step"
    yield "kinetics_sample_phase", "post_step"
    yield "generalized_actuator_force_joint_names", np.array(body.joint_names)
    yield "generalized_actuator_force_units", np.array(["Nm"] * len(body.joint_names))
    yield "force_sensor_names", np.array(body.foot_sensor_names)
    yield "force_sensor_units", np.array(["N"] * len(body.foot_sensor_names))
    yield "model_mass_kg", body.mass
    for episode, first in enumerate(phase):
        arrays, prefix = episodes.arrays(episode, sampler.dt), f"episode_{episode}_"
        count = len(arrays["qpos"])
        yield f"{prefix}traj_id", episode
        yield f"{prefix}traj_length", length
        yield f"{prefix}joint_positions", _spread(arrays["qpos"], coordinates, joints)
        reference = _reference(env, first, DT * np.arange(1, length + 1))
        yield f"{prefix}traj_qpos", _spread(reference, coordinates, joints)
        yield f"{prefix}muscle_activations", _spread(arrays["activation"], own_muscles, muscles)
        yield f"{prefix}touch_observations", arrays["foot_load"]
        yield f"{prefix}generalized_actuator_forces", arrays["joint_torque"]
        yield f"{prefix}force_sensor_values", arrays["foot_load"]
        yield f"{prefix}kinetics_reference_steps", np.arange(count)


def _reference(env: BatchEnv, phase: float, time: np.ndarray) -> np.ndarray:
    """Coordinates (T, nq) of the reference gait at times [s] after a phase, its clock not warped."""
    gait, axes = env.task.reference, env.task.axes
    assert gait is not None
    sample = gait.sample(phase + time / gait.period)
    root = gait.speed * time[:, None] * axes[0] + sample.root_height[:, None] * axes[2]
    return _body(env).qpos(root, np.array([1.0, 0.0, 0.0, 0.0]), sample.joint_pos)


def _count(seconds: float) -> int:
    """Samples in a time [s]; the first comes after `DT`."""
    return int(seconds / DT + 1e-6)


def _resampled(values: np.ndarray, dt: float) -> np.ndarray:
    """Values (T, ...) at dt, 2 dt, ... [s] at multiples of `DT`: linear, and exact where they meet."""
    place = np.arange(1, _count(len(values) * dt) + 1) * (DT / dt) - 1.0
    place = np.clip(np.where(np.abs(place - np.rint(place)) < 1e-6, np.rint(place), place), 0.0, None)
    lower = np.floor(place).astype(int)
    weight = (place - lower).reshape(-1, *([1] * (values.ndim - 1)))
    below, above = values[lower], values[np.minimum(lower + 1, len(values) - 1)]
    return (below + weight * (above - below)).astype(np.float32)


def _spread(values: np.ndarray, columns: np.ndarray, width: int) -> np.ndarray:
    """Values (T, n) at their columns of zeros (T, width)."""
    out = np.zeros((len(values), width), np.float32)
    out[:, columns] = values
    return out


def _write(path: Path, entries: Iterator[tuple[str, Any]]) -> None:
    """Write an NPZ file entry by entry: no more than one walk is held as MyoFullBody's columns."""

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, value in entries:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asarray(value), allow_pickle=False)

    write_atomically(path, write)
