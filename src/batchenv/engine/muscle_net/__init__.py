"""The muscle network: its layout, its parameters, and the kernel that evaluates it inside a substep."""

from batchenv.engine.muscle_net.kernel import muscle_network
from batchenv.engine.muscle_net.layout import MuscleNetLayout
from batchenv.engine.muscle_net.network import MuscleNetwork, check_state, init_state

__all__ = ["MuscleNetLayout", "MuscleNetwork", "check_state", "init_state", "muscle_network"]
