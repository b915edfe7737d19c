"""Training of the muscle network ahead of any policy, on problems of all kinds."""

import dataclasses
import functools
import io
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from batchenv.build import control_law, load_configured_body, task_of
from batchenv.config import Config
from batchenv.engine.coordinators.shared_network import NetworkCoordinator, NetworkSpec
from batchenv.engine.problems import Problems, problems_of
from batchenv.errors import InputError
from batchenv.files import sealed, write_atomically
from batchenv.inputs import checked_whole_number
from batchenv.learn.co_training import learner_of
from batchenv.learn.muscle_learner import MuscleLearner
from batchenv.learn.muscle_problems import Pool, draw_activations, draw_states, draw_torques
from batchenv.learn.report import PretrainingReport, PretrainingResult
from batchenv.learn.stopping import StopTraining, stop_signals

FIRST_RATE, LAST_RATE = 1e-3, 1e-5
"""Learning rate at the start of a cosine, after a short rise, and at its end."""
_POOL, _REFRESH, _UPDATES = 50_000, 2_000, 100
"""States to draw from; how many of them are replaced, after every so many updates."""
_HELD_OUT = 8_000
MOST_MINUTES = 525_600  # a year
_BEYOND = 0.3
"""Of the torques learned from, drawn whether they can be made or not."""
_IDLE_TORQUE = 20.0
"""Standard deviation of torques at joints that no muscle crosses [Nm]."""
_SWEEPS = 100  # of static optimisation for the comparison, from rest: as good as converged


def pretrain(
    config: Config,
    minutes: float,
    *,
    threads: int = 1,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[PretrainingReport], None] = lambda progress: None,
) -> tuple[dict[str, NDArray[np.float32]], PretrainingResult]:
    """Train the muscle network of a configuration from nothing (of a cascade, the correcting one).

    The loss is that of `MuscleLearner` with the weights of `training.muscle_network`. Most torques are JtA a'
    of random activations a', the others any; those of held-out problems, in new states, are all of the first
    kind. A signal, or `StopTraining` raised by `progress`, ends it early, see `stop_signals`.

    Args:
        config: names the body, the gait and the network.
        minutes: how long; finite, and more than 0.
        threads: for Torch and for states.
        seed: of all draws; results still depend on how many updates the time allows.
        device: "cpu" or "cuda".
        progress: called once in a while.

    Returns:
        Parameters of the network, and how good they are.

    Raises:
        InputError: minutes, threads, seed or device are none; nothing is begun.
    """
    _check(minutes, threads, seed, device)
    random, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    learner, problems, pool = _prepare(config, rng, threads, seed, device)
    held_out = Pool(problems, pool.draw, _HELD_OUT, rng).jta
    crossing, joint = learner.model.crossing.cpu(), torch.from_numpy(problems.joint).long()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        start, updates, share = time.monotonic(), 0, 0.0
        with stop_signals() as stop:
            while share < 1.0 and stop.number is None:
                share = min(1.0, (time.monotonic() - start) / (60.0 * minutes))
                for group in learner.optimizer.param_groups:
                    group["lr"] = _rate(share)
                jta, torque = _mini_batch(learner, pool.jta, crossing, joint, random)
                loss, squared = learner.update(jta, torque)
                updates += 1
                if updates % _UPDATES:
                    continue
                try:
                    progress(PretrainingReport(share, updates, loss.item(), math.sqrt(squared.item())))
                except StopTraining as told:
                    stop.number = told.number
                pool.replace(_REFRESH)
        seconds = time.monotonic() - start
        activation = draw_activations(held_out, crossing, joint, random)
        compared = _compare(config, learner, problems, held_out, activation)
    finally:
        torch.set_num_threads(before)
    crossed = np.unique(problems.joint)
    names = tuple(problems.joint_names[j] for j in crossed)
    asked, made, optimal, *efforts = compared
    errors = asked[crossed], made[crossed], optimal[crossed]
    stopped_by = stop.number if share < 1.0 else None
    result = PretrainingResult(
        names, *errors, efforts[0], efforts[1], updates, pool.drawn, seconds, stopped_by
    )
    return learner.network(), result


def _check(minutes: float, threads: int, seed: int, device: str) -> None:
    if not 0.0 < minutes <= MOST_MINUTES:
        raise InputError(f"minutes is {minutes}; expected more than 0 and at most {MOST_MINUTES:,}")
    checked_whole_number("threads", threads, 1, 4096)
    checked_whole_number("seed", seed, 0, 2**63 - 1)
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise InputError(f"device is {device!r}; expected cpu, or cuda where Torch finds a GPU of that kind")


def save_network(path: Path, network: dict[str, NDArray[np.float32]], *, half: bool = False) -> None:
    """Write parameters to a sealed NPZ file that `muscle.network.file` loads, in half precision if asked for.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays = {key: value.astype(np.float16) if half else value for key, value in network.items()}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    write_atomically(path, lambda file: file.write(sealed(stream.getvalue())))


def _prepare(
    config: Config, rng: np.random.Generator, threads: int, seed: int, device: str
) -> tuple[MuscleLearner, Problems, Pool]:
    body = load_configured_body(config)
    law, task = control_law(config, body, seed), task_of(config).of(config, body)
    problems = problems_of(body, law, threads)
    gait = task.reference
    draw = task.random_states if gait is None else functools.partial(draw_states, problems, gait)
    network = law.network or NetworkSpec(config.environment.muscle.network.hidden, seed=seed)
    network = dataclasses.replace(network, state=None)
    crossings = problems.muscle_names, problems.joint_names, problems.ptr, problems.joint
    coordinator = NetworkCoordinator(network, *crossings, 1)
    rate = {"training.muscle_network.learning_rate": FIRST_RATE}
    learner = learner_of(coordinator, coordinator.network.state(), config.replace(rate))
    learner.model.to(device)
    learner.device = device
    return learner, problems, Pool(problems, draw, _POOL, rng)


def _rate(share: float) -> float:
    cosine = 0.5 * (1.0 + math.cos(math.pi * share))
    return min(1.0, 0.05 + 50.0 * share) * (LAST_RATE + (FIRST_RATE - LAST_RATE) * cosine)


def _mini_batch(
    learner: MuscleLearner,
    pool: torch.Tensor,
    crossing: torch.Tensor,
    joint: torch.Tensor,
    random: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    size = learner.settings.mini_batch
    jta = pool[torch.randint(len(pool), (size,), generator=random)]
    activation = draw_activations(jta, crossing, joint, random).to(learner.device)
    any_torque = draw_torques(jta, joint, random, learner.model.crossed.numel()).to(learner.device)
    jta = jta.to(learner.device)
    anything = torch.rand(size, 1, generator=random).to(learner.device) < _BEYOND
    torque = torch.where(anything, any_torque, learner.model.torques(jta, activation))
    idle = torch.nonzero(learner.model.crossed.cpu() == 0.0)[:, 0]
    if len(idle):  # the network sees torques at joints that no muscle crosses, and is to pay no heed
        torque[:, idle] = (_IDLE_TORQUE * torch.randn(size, len(idle), generator=random)).to(learner.device)
    return jta, torque


@torch.no_grad()
def _compare(
    config: Config, learner: MuscleLearner, problems: Problems, jta: torch.Tensor, activation: torch.Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float, float]:
    """Fields of `PretrainingResult` from `asked` to `optimization_effort`."""
    model = learner.model.to("cpu")
    torque = model.torques(jta, activation)
    regularization = config.environment.muscle.static_optimization.regularization
    optimal = problems.optimize(jta.numpy(), torque.numpy(), regularization, _SWEEPS)
    rms, effort = [_rms(torque)], []
    for a in (model(jta, torque)[1], torch.from_numpy(optimal).float()):
        rms.append(_rms(model.torques(jta, a) - torque))
        effort.append(a.square().mean().item())
    return rms[0], rms[1], rms[2], effort[0], effort[1]


def _rms(values: torch.Tensor) -> NDArray[np.float64]:
    return values.double().square().mean(0).sqrt().numpy()
