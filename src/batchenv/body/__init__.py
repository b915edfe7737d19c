"""What moves: bodies, and the gait cycle they are asked to follow."""

from batchenv.body.body import Body, load_body
from batchenv.body.gait_cycle import GaitCycle, load_gait_cycle

__all__ = ["Body", "GaitCycle", "load_body", "load_gait_cycle"]
