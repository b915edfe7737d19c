"""The muscle network: its layout, its parameters, and the kernel that evaluates it inside a substep."""

from batchenv.engine.coordinators.network.kernel import muscle_network
from batchenv.engine.coordinators.network.layout import MuscleNetLayout
from batchenv.engine.coordinators.network.network import MuscleNetwork, check_state, init_state

__all__ = ["MuscleNetLayout", "MuscleNetwork", "check_state", "init_state", "muscle_network"]
