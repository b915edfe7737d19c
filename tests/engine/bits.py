"""The state of worlds to the last bit."""

from typing import Any

import mujoco
import numpy as np

from batchenv.engine import Worlds
from batchenv.engine.record import RECORD_AT

SPEC = int(mujoco.mjtState.mjSTATE_INTEGRATION)


def bits(worlds: Worlds[Any], rows: Any = slice(None)) -> np.ndarray:
    """All state but the address of the shared record, which is that of the process."""
    before = SPEC & (int(mujoco.mjtState.mjSTATE_USERDATA) - 1)
    column = mujoco.mj_stateSize(worlds.model, before) + RECORD_AT
    return np.delete(worlds.batch.state[rows], column, axis=1)
