"""Shipped events: how an episode begins, and what happens to a walker on its way.

An event's positional parameters name what it is given: any of

- `batch`, `task`: all worlds, their episodes and the task; see `batchenv.mdp.batch.Batch`,
- `ids`: the worlds (n,) whose episode begins, or all of them before a step,
- `start`: their first states, which an event at a reset may change; see `batchenv.mdp.resets.Start`,
- `draw`: `draw(k)` gives uniform numbers (n, k) from each world's own stream, other ones in every step;
  `draw(k, key)` other ones for every value of `key`, whole numbers (n,).
"""

import math
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from batchenv.errors import ConfigError, nearest
from batchenv.mdp.batch import Batch
from batchenv.mdp.marks import event_term
from batchenv.mdp.resets import Start, clip_states, reference_states

EVENT_NAMES = ("batch", "draw", "ids", "start", "task")
Angle = Annotated[float, Field(ge=0, le=math.pi)]
Rate = Annotated[float, Field(ge=0, le=100)]
Force = Annotated[float, Field(ge=0, le=1e5)]


class Draw(Protocol):
    """Gives an event random numbers."""

    def __call__(self, count: int, key: np.ndarray | None = None) -> np.ndarray:
        """Uniform numbers (n, count)."""
        ...


@event_term("reset")
def draw_parameters(task: Any, batch: Batch[Any, Any], ids: np.ndarray) -> None:
    """Draw the parameters of `environment.parameters`, those per world once after a seed."""
    task.draw_parameters(batch, ids)


@event_term("reset")
def start_on_reference(
    task: Any,
    batch: Batch[Any, Any],
    ids: np.ndarray,
    start: Start,
    *,
    joint_noise: Angle = 0.02,
    velocity_noise: Rate = 0.05,
) -> None:
    """Start at a random phase of the reference, moving with it, near its pose.

    `joint_noise` [rad] and `velocity_noise` [rad/s] are standard deviations.
    """
    reference_states(task, batch, ids, start, joint_noise=joint_noise, velocity_noise=velocity_noise)


@event_term("reset")
def start_on_clip(
    task: Any,
    batch: Batch[Any, Any],
    ids: np.ndarray,
    start: Start,
    *,
    joint_noise: Angle = 0.02,
    velocity_noise: Rate = 0.05,
    adaptive: bool = True,
) -> None:
    """With the task track: start anywhere in a clip, moving with it, near its pose.

    `joint_noise` [rad] and `velocity_noise` [rad/s] are standard deviations. If `adaptive`, a world begins
    more often in those parts of clips where it failed lately.
    """
    clip_states(
        task, batch, ids, start, joint_noise=joint_noise, velocity_noise=velocity_noise, adaptive=adaptive
    )


@event_term("step")
def push(
    task: Any,
    batch: Batch[Any, Any],
    draw: Draw,
    *,
    newtons: Force | tuple[Force, Force] = 40.0,
    seconds: Annotated[float, Field(gt=0, le=100)] = 0.2,
    every: Annotated[float, Field(gt=0, le=1e6)] = 4.0,
    bodies: tuple[str, ...] | None = None,
) -> None:
    """Push a body sideways, forwards or backwards.

    Once in each window of `every` seconds, at a time and in a horizontal direction drawn for it, with a force
    of `newtons`, or of any from the first to the second of two, for `seconds`, times the difficulty of the
    world. One of `bodies` is pushed, drawn each time; by default it is the trunk.
    """
    time = batch.episodes.step * task.control_dt
    window = np.floor(time / every)
    u = draw(4, window.astype(np.int64))
    begin = window * every + u[:, 0] * max(0.0, every - seconds)
    # Half a step of play, so that rounding does not decide whether a push lasts a step longer.
    pushed = (time >= begin - task.control_dt / 2) & (time < begin + seconds - task.control_dt / 2)
    angle = 2.0 * math.pi * u[:, 1]
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ task.axes[:2]
    least, most = newtons if isinstance(newtons, tuple) else (newtons, newtons)
    size = (least + (most - least) * u[:, 2]) * task.difficulty_of(batch)
    force = np.where(pushed[:, None], size[:, None] * direction, 0.0)
    body = task.body
    ids = [body.trunk_body] if bodies is None else [body.model.body(name).id for name in bodies]
    chosen = (u[:, 3] * len(ids)).astype(int)
    applied = batch.worlds.bind("xfrc_applied")
    for number, pushed_body in enumerate(ids):
        applied[:, pushed_body, :3] = np.where((chosen == number)[:, None], force, 0.0)


def check_pushed(names: tuple[str, ...] | None, body: Any) -> None:
    """Refuse bodies that `push` cannot push.

    Raises:
        ConfigError: there is no such body, one is named twice, or none is.
    """
    if names is None:
        return
    where, known = (
        "environment.events.push.bodies",
        [body.model.body(i).name for i in range(1, body.model.nbody)],
    )
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: the body has no {name!r}.{nearest(name, known)}")
        if names.count(name) > 1:
            raise ConfigError(f"{where}: {name} is named twice")
    if not names:
        raise ConfigError(f"{where}: name at least one body, or leave the key out")
