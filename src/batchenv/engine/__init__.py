"""How it moves: batched MuJoCo worlds with the control law inside every substep."""

from batchenv.engine.worlds import ControlLaw, Snapshot, Worlds, available_cpus

__all__ = ["ControlLaw", "Snapshot", "Worlds", "available_cpus"]
