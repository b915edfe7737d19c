"""How GaitNet's bodies move: batched MuJoCo worlds with its muscles and its control inside every substep."""

from batchenv.engine.gaitnet.block import GaitNetLayout
from batchenv.engine.gaitnet.law import Crossings, GaitNetLaw, leg_dofs, torque_dofs
from batchenv.engine.gaitnet.worlds import GaitNetWorlds

__all__ = ["Crossings", "GaitNetLaw", "GaitNetLayout", "GaitNetWorlds", "leg_dofs", "torque_dofs"]
