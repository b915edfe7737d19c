"""Moment arms of muscles on bound joints, as polynomials of the joints that drive these.

MuJoCo's couplings give way: in a walk, the patella's by a centimetre. Tendons feel that, to first order

    length = p(joints) + sum_b r_b(driver) (q_b - g_b(driver)),

where p is the length with the couplings satisfied, g_b(driver) is the position that a coupling gives the
bound joint b, and r_b is the moment arm on this joint, as a function of its driver alone.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.polynomial import legendre

Body = Any  # a `batchenv.body.Body`, whose module imports this one
Array = np.ndarray

DEGREE = 3
LEAST = 60.0  # acceleration of a muscle's length, see `fit_bound_arms` [m/s^2]


@dataclass(frozen=True, eq=False)
class BoundArms:
    """K moment arms on bound joints, sorted by muscle.

    Attributes:
        muscle, bound: muscle, and index into the body's bound joints, of each (K,).
        driver: primary joint that drives the bound joint (K,).
        coefficients: of Legendre polynomials of the driver's place in its range (K, DEGREE + 1) [m].
    """

    muscle: Array
    bound: Array
    driver: Array
    coefficients: Array

    def evaluate(self, place: Array) -> tuple[Array, Array]:
        """Return the moment arms (n, K) and their slopes by the driver's place (n, K), at places (n, J)."""
        x = np.clip(place, -1.0, 1.0)[:, self.driver]
        power = legendre.legvander(x, DEGREE)
        slope = power[..., :-1] @ legendre.legder(np.eye(DEGREE + 1)) * (np.abs(x) < 1.0)[..., None]
        return (power * self.coefficients).sum(-1), (slope * self.coefficients).sum(-1)


def bound_entries(body: Body) -> tuple[Array, Array, Array]:
    """Return which of a body's moments (`MomentStructure.entry`) are on bound joints, and their muscles and
    bound joints, each (K,)."""
    moments, index = body.moments, np.full(body.model.nv, -1)
    index[body.bound_dofadr] = np.arange(body.bound_dofadr.size)
    which = np.flatnonzero((index[moments.dof] >= 0) & np.isin(moments.entry, moments.kept))
    muscle = np.searchsorted(moments.ptr, moments.place[which], side="right") - 1
    return which, muscle, index[moments.dof[which]]


def fit_bound_arms(body: Body, place: Array, arm: Array, muscles: Array) -> BoundArms:
    """Fit moment arms by least squares, where they matter.

    They matter where a muscle at its peak force would shorten with an acceleration of more than `LEAST` if
    the bound joint alone moved. Else the joint is taken to be where its coupling puts it.

    Args:
        body: whose muscles are MuJoCo's tendons.
        place: of the primary joints in their ranges (n, J), -1 to 1.
        arm: moment arms with the couplings satisfied, of all `bound_entries` (n, K) [m].
        muscles: which muscles have polynomials.
    """
    model = body.model
    _, muscle, bound = bound_entries(body)
    mobility = model.dof_invweight0[body.bound_dofadr[bound]]  # [1/kg] or [1/(kg m^2)]
    acceleration = peak_forces(model)[muscle] * (arm**2).mean(axis=0) * mobility
    kept = np.flatnonzero((acceleration > LEAST) & np.isin(muscle, muscles))
    muscle, bound, driver = muscle[kept], bound[kept], body.bound_joint[bound[kept]]
    coefficients = np.zeros((muscle.size, DEGREE + 1))
    for joint in np.unique(driver):
        own = np.flatnonzero(driver == joint)
        power = legendre.legvander(np.clip(place[:, joint], -1.0, 1.0), DEGREE)
        coefficients[own] = np.linalg.lstsq(power, arm[:, kept[own]], rcond=None)[0].T
    return BoundArms(muscle, bound, driver, coefficients)


def peak_forces(model: mujoco.MjModel) -> Array:
    """Peak forces of MuJoCo's muscles (M,) [N]; a negative parameter stands for one that MuJoCo scales."""
    parameters = model.actuator_gainprm
    return np.where(parameters[:, 2] < 0, parameters[:, 3] / model.actuator_acc0, parameters[:, 2])
