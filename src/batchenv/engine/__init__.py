"""How it moves: batched MuJoCo worlds with the control law inside every substep."""

from batchenv.engine.assembly import ControlLaw
from batchenv.engine.coordinator import MuscleTuples, NetworkLaw
from batchenv.engine.worlds import Snapshot, Worlds, available_cpus

__all__ = ["ControlLaw", "MuscleTuples", "NetworkLaw", "Snapshot", "Worlds", "available_cpus"]
