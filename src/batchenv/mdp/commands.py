"""Shipped commands: requests to walkers, such as a speed, drawn for each world.

A command's positional parameters name its inputs, any of

- `draw`: `draw(k)` returns uniform numbers (n, k) from each world's own stream, new ones at every draw,
- `ids`: the worlds (n,) to draw for,
- `batch`, `task`: all worlds, their episodes and the task; see `batchenv.mdp.batch.Batch`. When an episode
  begins, states are still those of the previous episode.

Terms read the column NAME as the quantity `commanded_NAME` (N,), and all columns as `command` (N, C).
"""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from batchenv.config.section import within
from batchenv.mdp.columns import columns
from batchenv.mdp.marks import command_term

Array = Any
COMMAND_NAMES = ("batch", "draw", "ids", "task")
FASTEST_TURN = 4.0 * math.pi  # that can be commanded [rad/s]
Speeds = Annotated[tuple[float, float], BeforeValidator(within(-20.0, 20.0))]
YawRates = Annotated[tuple[float, float], BeforeValidator(within(-FASTEST_TURN, FASTEST_TURN))]
Probability = Annotated[float, Field(ge=0, le=1)]


@command_term(columns("speed", "yaw_rate", sign=(1, -1), units=("m/s", "rad/s")))
def walking_velocity(
    draw: Any, *, speed: Speeds, yaw_rate: YawRates = (0.0, 0.0), standing: Probability = 0.0
) -> Array:
    """Walk forward at a speed [m/s], turning to the left at a rate [rad/s], or stand.

    Both are uniform in their ranges, and 0 with the probability `standing`.
    """
    u = draw(3)
    (slowest, fastest), (right, left) = speed, yaw_rate
    velocity = np.stack([slowest + (fastest - slowest) * u[:, 0], right + (left - right) * u[:, 1]], axis=1)
    return np.where(u[:, 2:] < standing, 0.0, velocity)
