"""What pretraining of the muscle network tells about itself."""

import signal
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PretrainingReport:
    """Where pretraining is: share of its time, updates, loss, and rms torque error of late [Nm]."""

    share: float
    updates: int
    loss: float
    torque_error: float


@dataclass(frozen=True)
class PretrainingResult:
    """How well the network makes torques on held-out problems, beside static optimisation.

    Attributes:
        joint_names: (J,).
        asked: rms of the torques to be made (J,) [Nm].
        network, optimization: rms torque errors (J,) [Nm].
        network_effort, optimization_effort: mean squared activations.
        updates, states: that were learned from.
        seconds: that learning took.
        stopped_by: the signal that ended it before its time, if one did.
    """

    joint_names: tuple[str, ...]
    asked: NDArray[np.float64]
    network: NDArray[np.float64]
    optimization: NDArray[np.float64]
    network_effort: float
    optimization_effort: float
    updates: int
    states: int
    seconds: float
    stopped_by: signal.Signals | None = None
