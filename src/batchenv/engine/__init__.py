"""How it moves: batched MuJoCo worlds with the control law inside every substep."""

from batchenv.engine.assembly import ControlLaw
from batchenv.engine.batched import available_cpus
from batchenv.engine.coordinator import MuscleTuples, NetworkLaw
from batchenv.engine.snapshot import Snapshot
from batchenv.engine.worlds import Worlds

__all__ = ["ControlLaw", "MuscleTuples", "NetworkLaw", "Snapshot", "Worlds", "available_cpus"]
