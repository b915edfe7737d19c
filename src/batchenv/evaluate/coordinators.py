"""The two coordinators on the same walking states: how well, how sparingly and how fast they make torques."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batchenv.build import control_law
from batchenv.config import Config
from batchenv.engine.coordinators.shared_network import NetworkCoordinator
from batchenv.engine.problems import Problems, problems_of
from batchenv.env import BatchEnv
from batchenv.errors import UsageError
from batchenv.evaluate.numbers import MOST_WALKS, check_count, check_threads
from batchenv.interrupts import held_back

BINS = 50
_TIMINGS = 5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coordination:
    """What one coordinator did.

    Attributes:
        rms, p95: root mean square and 95th percentile of the absolute torque errors (J,) [Nm].
        effort: mean squared activation.
        microseconds: CPU time of an evaluation, the problem at hand [us].
        torque: mean made over the gait cycle (BINS, J) [Nm].
        activation: mean over the gait cycle (BINS, M).
    """

    rms: Array
    p95: Array
    effort: float
    microseconds: float
    torque: Array
    activation: Array


@dataclass(frozen=True)
class Comparison:
    """Static optimisation and the muscle network on the same walking states.

    Attributes:
        joint_names, muscle_names: joints that muscles cross (J,), muscles (M,).
        states: number of substeps compared.
        asked: mean of the torques that muscles were to make over the gait cycle (BINS, J) [Nm].
        coordinators: "static_optimization" and "network".
    """

    joint_names: tuple[str, ...]
    muscle_names: tuple[str, ...]
    states: int
    asked: Array
    coordinators: dict[str, Coordination]


@dataclass(frozen=True)
class WalkingStates:
    """Problems of T substeps of N worlds, with their phases (T, N) in the gait cycle.

    Attributes:
        jta: JtA_reduced (T, N, nnz) [Nm].
        torque: that muscles were to make (T, N, J) [Nm].
        phase: (T, N).
    """

    jta: Array
    torque: Array
    phase: Array


def compare_coordinators(
    config: Config,
    policy: Callable[[np.ndarray], np.ndarray] | None = None,
    *,
    num_envs: int = 16,
    steps: int = 60,
    num_threads: int | None = None,
) -> Comparison:
    """Let both coordinators solve the problems of one walk, in which static optimisation coordinates.

    Both may use activations from 0 to 1, whatever the dynamics of the muscles; static optimisation starts
    from its solution in the substep before.

    Args:
        config: of the environment; names the weights of the network.
        policy: actions from observations; None for none, so that the reference gait is tracked.
        num_envs: worlds.
        steps: control steps of each.
        num_threads: as for `BatchEnv`.

    Raises:
        InputError: a number is impossible.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
        UsageError: the configuration names no trained weights, or its actuator is not mass.
    """
    check_count("num_envs", num_envs, MOST_WALKS)
    check_count("steps", steps, 100_000)
    check_threads("num_threads", num_threads)
    environment = config.environment
    if environment.skeleton.actuator not in ("mass", "mass_lower"):
        raise UsageError(
            f"actuator {environment.skeleton.actuator!r} needs no coordinator; expected mass or mass_lower"
        )
    if environment.muscle.network.file is None:
        raise UsageError(
            "there are no trained weights to compare: name them in environment.muscle.network.file "
            "(batchenv pretrain-muscles writes them)"
        )
    driven = config.replace({"environment.muscle.coordinator": "static_optimization"})
    with BatchEnv(driven, num_envs, num_threads, seed=0) as env:
        body = env.body
        law = control_law(config.replace({"environment.muscle.coordinator": "network"}), body)
        problems = problems_of(body, env.worlds.law, env.num_threads)
        states = walking_states(env, problems, policy, steps)
    assert law.network is not None
    names = tuple(problems.joint_names), tuple(problems.muscle_names)
    network = NetworkCoordinator(law.network, names[1], names[0], problems.ptr, problems.joint, 1)
    setting = environment.muscle.static_optimization
    settings = (setting.regularization, setting.sweeps)
    jta, torque = (array.reshape(-1, array.shape[-1]) for array in (states.jta, states.torque))
    optimal = _optimize_on(problems, states, settings)
    starts = np.concatenate([np.zeros_like(optimal[:1]), optimal[:-1]]).reshape(-1, optimal.shape[-1])
    activations = {
        "static_optimization": optimal.reshape(len(starts), -1),
        "network": network.activations(jta, torque),
    }
    work: dict[str, Callable[[], object]] = {
        "static_optimization": lambda: problems.optimize(jta, torque, *settings, start=starts),
        "network": lambda: network.activations(jta, torque),
    }
    times = _interleaved(work, len(starts))
    layout = network.network.layout
    torques = {name: _torques(jta, a, layout.crossing_muscle, problems) for name, a in activations.items()}
    bins = np.minimum((states.phase.ravel() * BINS).astype(int), BINS - 1)
    crossed = np.unique(problems.joint)
    torque = torque[:, crossed]
    torques = {name: made[:, crossed] for name, made in torques.items()}
    coordinators = {
        name: _coordination(torques[name] - torque, activations[name], times[name], torques[name], bins)
        for name in activations
    }
    names = tuple(names[0][j] for j in crossed), names[1]
    return Comparison(*names, len(starts), _by_phase(torque, bins), coordinators)


def walking_states(
    env: BatchEnv, problems: Problems, policy: Callable[[np.ndarray], np.ndarray] | None, steps: int
) -> WalkingStates:
    """Walk, and compute the coordinator's problem in every substep."""
    obs, worlds = env.reset(), env.worlds
    qpos, qvel, desired, phase, mirrored = [], [], [], [], []
    period, timestep = env.task.period, worlds.timestep

    def watch() -> None:
        mirrored.append(worlds.slot("mirrored")[:, len(desired) % worlds.substeps] > 0.0)
        desired.append(worlds.slot("desired").copy())
        qpos.append(worlds.qpos.copy())
        qvel.append(worlds.qvel.copy())

    with held_back() as check:
        for _ in range(steps):
            check()
            start = env.task.reference_phase(env.snapshot().task)
            phase += [(start + k * timestep / period) % 1.0 for k in range(worlds.substeps)]
            qpos.append(worlds.qpos.copy())
            qvel.append(worlds.qvel.copy())
            obs = env.step(
                np.zeros((env.num_envs, env.action_dim)) if policy is None else policy(obs), watch
            )[0]
            del qpos[-1], qvel[-1]  # a substep's desired torques are those of its beginning
    seen = np.array(mirrored)
    jta, passive = problems.solve(np.concatenate(qpos), np.concatenate(qvel), seen.ravel())
    shape = (len(desired), env.num_envs, -1)
    image = env.task.mirror_joints(np.array(desired).reshape(-1, passive.shape[1])).reshape(shape)
    torque = np.where(seen[..., None], image, np.array(desired)) - passive.reshape(shape).astype(float)
    phases = (np.array(phase) + 0.5 * seen) % 1.0
    return WalkingStates(jta.reshape(shape).astype(float), torque, phases)


def _optimize_on(problems: Problems, states: WalkingStates, settings: tuple[float, int]) -> Array:
    """Static optimisation as it goes on from substep to substep (T, N, M)."""
    activation, solutions = None, []
    for jta, torque in zip(states.jta, states.torque, strict=True):
        activation = problems.optimize(jta, torque, *settings, start=activation)
        solutions.append(activation)
    return np.array(solutions)


def _interleaved(work: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Median CPU times by name, of each of `count` evaluations [us]."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(_TIMINGS):
        for name, run in work.items():
            before = time.process_time()
            run()
            times[name].append(1e6 * (time.process_time() - before) / count)
    return {name: float(np.median(values)) for name, values in times.items()}


def _torques(jta: Array, activation: Array, crossing: np.ndarray, problems: Problems) -> Array:
    to_joint = np.eye(len(problems.joint_names))[problems.joint]
    return (jta * activation[:, crossing]) @ to_joint


def _coordination(
    error: Array, activation: Array, microseconds: float, torque: Array, bins: np.ndarray
) -> Coordination:
    return Coordination(
        rms=np.sqrt(np.mean(error**2, axis=0)),
        p95=np.percentile(np.abs(error), 95, axis=0),
        effort=float(np.mean(activation**2)),
        microseconds=microseconds,
        torque=_by_phase(torque, bins),
        activation=_by_phase(activation, bins),
    )


def _by_phase(values: Array, bins: np.ndarray) -> Array:
    """Means (BINS, ...) by bin of the cycle; NaN where no state is."""
    count = np.bincount(bins, minlength=BINS)[:, None]
    sums = np.zeros((BINS, values.shape[1]))
    np.add.at(sums, bins, values)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def with_network(config: Config, other: Config) -> Config:
    """Return a configuration with its own muscle network if it uses one, else with that of another."""
    if config.environment.muscle.coordinator == "network":
        return config
    return config.replace({"environment.muscle.network": other.environment.muscle.network.model_dump()})


def comparison_table(compared: Comparison) -> str:
    """Return a comparison as a table in Markdown."""
    optimal, network = (compared.coordinators[name] for name in ("static_optimization", "network"))
    lines = [
        f"{compared.states:,} substeps; torque errors [Nm], static optimisation and network",
        "| joint | rms | rms | 95 % | 95 % |",
        "|---|---|---|---|---|",
    ]
    for j, name in enumerate(compared.joint_names):
        lines.append(
            f"| {name} | {optimal.rms[j]:.2f} | {network.rms[j]:.2f} "
            f"| {optimal.p95[j]:.2f} | {network.p95[j]:.2f} |"
        )
    lines.append(f"mean squared activation: {optimal.effort:.4f} and {network.effort:.4f}")
    lines.append(f"CPU us per substep: {optimal.microseconds:.2f} and {network.microseconds:.2f}")
    return "\n".join(lines)
