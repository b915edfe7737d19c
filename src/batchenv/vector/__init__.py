"""Worlds as Gymnasium has environments: many behind one call, or one alone, by id; and for Stable-Baselines3.

`batchenv.vector.sb3` is not imported here: it needs the extra `sb3`.
"""

from batchenv.vector.single_env import Env
from batchenv.vector.vector_env import VectorEnv

__all__ = ["Env", "VectorEnv"]
