"""All parts that the engine ships, and the record that is generated from them."""

import numba

from batchenv.engine import devices, disturbances, guests, joints
from batchenv.engine.constraints import rows, tree_newton
from batchenv.engine.controllers import pd, stable_pd
from batchenv.engine.coordinators import problem, shared_network, static_optimization
from batchenv.engine.memory import record_pointer
from batchenv.engine.muscles import crossings, damping, mass
from batchenv.engine.paths import polynomials, tendons, way_points
from batchenv.engine.record import record_dtype
from batchenv.engine.recorders import capacity, effort, foot_loads, joint_loads, joint_torques, logs, muscles

PARTS = (
    joints.PART,
    pd.PART,
    stable_pd.PART,
    crossings.PART,
    mass.PART,
    damping.PART,
    tendons.PART,
    way_points.PART,
    polynomials.PART,
    problem.PART,
    static_optimization.PART,
    shared_network.PART,
    rows.PART,
    tree_newton.PART,
    effort.PART,
    joint_torques.PART,
    foot_loads.PART,
    joint_loads.PART,
    logs.PART,
    capacity.PART,
    muscles.PART,
    guests.PART,
    devices.PART,
    disturbances.PART,
)
RECORD = record_dtype(PARTS)

block_pointer = record_pointer(numba.from_dtype(RECORD))
