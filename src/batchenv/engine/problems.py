"""The coordinator's problem in given states, outside any simulation."""

import mujoco
import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.body import Body
from batchenv.engine.coordinators.static_optimization import static_optimization, sweep_order
from batchenv.engine.law import ControlLaw, adapt_model
from batchenv.engine.muscles.mujoco import effective_moment_arms, muscle_bias, muscle_gain
from batchenv.engine.owned_batch import OwnedBatch

_ROWS = 128


class Problems:
    """Capacity of muscles at the joints, for any number of states.

    Args:
        body: what moves.
        law: as of the worlds that the problems are those of.
        num_threads: that compute them.

    Attributes:
        moments: which muscle crosses which joint.
        ptr, joint: muscle m crosses joint[ptr[m]:ptr[m + 1]] (M + 1,), (nnz,).
    """

    def __init__(self, body: Body, law: ControlLaw, num_threads: int):
        mechanism = body.mechanism()
        adapt_model(mechanism, law)
        assert mechanism.moments is not None
        self.body, self.model, self.moments = body, mechanism.model, mechanism.moments
        self.ptr, self.joint = self.moments.ptr, self.moments.joint
        self._batch = OwnedBatch(self.model, _ROWS, num_threads)
        self._sweep_order = sweep_order(self.ptr, self.joint, len(body.joint_names))

    def optimize(
        self,
        jta: np.ndarray,
        torque: np.ndarray,
        regularization: float,
        sweeps: int,
        *,
        start: np.ndarray | None = None,
    ) -> NDArray[np.float64]:
        """Activations (n, M) by static optimisation, without bounds but 0 and 1.

        Args:
            jta: as from `solve` (n, nnz) [Nm].
            torque: that muscles are to make, passive torques subtracted (n, J) [Nm].
            regularization, sweeps: as of `static_optimization`.
            start: activations to start from (n, M), by default at rest.
        """
        activation = np.zeros((len(jta), self.model.nu)) if start is None else np.array(start, np.float64)
        order, (jta, torque) = self._sweep_order, (np.asarray(x, np.float64) for x in (jta, torque))
        given = (order.muscle, order.entry, order.joint, jta, torque)
        _optimize(*given, regularization, sweeps, activation)
        return activation

    def solve(
        self, qpos: NDArray[np.float64], qvel: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute what `coordinate` hands the coordinator.

        Args:
            qpos: (n, nq).
            qvel: (n, nv).

        Returns:
            Torque of each muscle at full activation on each joint it crosses (n, nnz) [Nm], and the torque
            that all muscles make at none (n, J) [Nm].
        """
        jta = np.empty((len(qpos), self.joint.size), np.float32)
        passive = np.empty((len(qpos), len(self.body.joint_names)), np.float32)
        bind, moments, model = self._batch.bind, self.moments, self.model
        for start in range(0, len(qpos), _ROWS):
            rows = slice(start, min(start + _ROWS, len(qpos)))
            count = rows.stop - rows.start
            bind("qpos")[:count], bind("qvel")[:count] = qpos[rows], qvel[rows]
            self._batch.forward(np.arange(count), stage=int(mujoco.mjtStage.mjSTAGE_VEL))
            slope = np.ones((count, model.nv))
            slope[:, self.body.bound_dofadr] = self.body.bound_slope(qpos[rows][:, self.body.joint_qposadr])
            _muscle_torques(
                *(moments.entry, moments.dof, moments.place, self.ptr, self.joint),
                *(model.actuator_lengthrange, model.actuator_acc0),
                *(model.actuator_gainprm, model.actuator_biasprm),
                *(slope, bind("actuator_moment")[:count]),
                *(bind("actuator_length")[:count], bind("actuator_velocity")[:count]),
                *(jta[rows], passive[rows]),
            )
        return jta, passive


@numba.njit
def _optimize(sweep_muscle, sweep_entry, sweep_joint, jta, required, regularization, sweeps, activation):
    """Rows of `Problems.optimize`."""
    n_muscle = activation.shape[1]
    lower, upper = np.zeros(n_muscle), np.ones(n_muscle)
    residual = np.empty(required.shape[1])
    for i in range(jta.shape[0]):
        static_optimization(
            sweep_muscle, sweep_entry, sweep_joint,
            jta[i], required[i], regularization, lower, upper, sweeps,
            residual, activation[i],
        )  # fmt: skip


@numba.njit
def _muscle_torques(
    # model
    entry,
    dof,
    place,
    ptr,
    joint,
    lengthrange,
    acc0,
    gainprm,
    biasprm,
    # data
    slope,
    moment,
    length,
    velocity,
    # out
    jta,
    passive,
):
    """Rows of `Problems.solve`."""
    arms = np.empty(joint.size)
    for i in range(slope.shape[0]):
        effective_moment_arms(entry, dof, place, slope[i], moment[i], arms)
        passive[i] = 0.0
        for m in range(length.shape[1]):
            gain = muscle_gain(length[i, m], velocity[i, m], lengthrange[m], acc0[m], gainprm[m])
            bias = muscle_bias(length[i, m], lengthrange[m], acc0[m], biasprm[m])
            for k in range(ptr[m], ptr[m + 1]):
                jta[i, k] = arms[k] * gain
                passive[i, joint[k]] += arms[k] * bias
