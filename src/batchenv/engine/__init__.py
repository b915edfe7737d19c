"""How it moves: batched MuJoCo worlds with the control law inside every substep."""

from batchenv.cpus import available_cpus
from batchenv.engine.coordinators.shared_network import MuscleSamples, NetworkSpec
from batchenv.engine.law import ControlLaw, Logs, Records
from batchenv.engine.snapshot import Snapshot
from batchenv.engine.worlds import Worlds

__all__ = [
    "ControlLaw",
    "Logs",
    "MuscleSamples",
    "NetworkSpec",
    "Records",
    "Snapshot",
    "Worlds",
    "available_cpus",
]
