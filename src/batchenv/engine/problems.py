"""The coordinator's problem in given states, outside any simulation."""

from dataclasses import replace
from typing import Any

import mujoco
import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.body.mechanism import Mechanism
from batchenv.engine.coordinators.shared_network import NetworkSpec
from batchenv.engine.coordinators.static_optimization import static_optimization, sweep_order
from batchenv.engine.law import ControlLaw, adapt_model
from batchenv.engine.muscles.mujoco import effective_moment_arms, muscle_bias, muscle_gain
from batchenv.engine.owned_batch import OwnedBatch
from batchenv.engine.worlds import Worlds

_ROWS = 128


class Problems:
    """Capacity of muscles at the joints, for any number of states.

    Args:
        body: what moves; where polynomials stand for its tendons, problems are those of the tendons.
        law: as of the worlds that the problems are those of.
        num_threads: that compute them.

    Attributes:
        body: what moves.
        muscle_names, joint_names: (M,), (J,).
        ptr, joint: muscle m crosses joint[ptr[m]:ptr[m + 1]] (M + 1,), (nnz,).
    """

    def __init__(self, body: Any, law: ControlLaw, num_threads: int):
        self.body = getattr(body, "tendon_body", None) or body
        mechanism = self.body.mechanism()
        self.muscle_names, self.joint_names = mechanism.muscle_names, mechanism.joint_names
        self.ptr, self.joint = mechanism.crossing_ptr, mechanism.crossing_joint
        self._sweep_order = sweep_order(self.ptr, self.joint, len(self.joint_names))
        self._prepare(mechanism, law, num_threads)

    def _prepare(self, mechanism: Mechanism, law: ControlLaw, num_threads: int) -> None:
        adapt_model(mechanism, law)
        assert mechanism.moments is not None
        self._model, self._moments = mechanism.model, mechanism.moments
        self._batch = OwnedBatch(self._model, _ROWS, num_threads)

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
        activation = (
            np.zeros((len(jta), len(self.muscle_names))) if start is None else np.array(start, np.float64)
        )
        order, (jta, torque) = self._sweep_order, (np.asarray(x, np.float64) for x in (jta, torque))
        given = (order.muscle, order.number, order.entry, order.joint, jta, torque)
        _optimize(*given, regularization, sweeps, activation)
        return activation

    def solve(
        self,
        qpos: NDArray[np.float64],
        qvel: NDArray[np.float64],
        mirrored: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute what the coordinator is given.

        Args:
            qpos: (n, nq).
            qvel: (n, nv).
            mirrored: which states the coordinator sees in the mirror (n,); None for none.

        Returns:
            Torque of each muscle at full activation on each joint it crosses (n, nnz) [Nm], and the torque
            that all muscles make at none (n, J) [Nm].
        """
        jta = np.empty((len(qpos), self.joint.size), np.float32)
        passive = np.empty((len(qpos), len(self.joint_names)), np.float32)
        flags = np.zeros(len(qpos), bool) if mirrored is None else mirrored
        for start in range(0, len(qpos), _ROWS):
            rows = slice(start, min(start + _ROWS, len(qpos)))
            self._solve_rows(qpos[rows], qvel[rows], flags[rows], jta[rows], passive[rows])
        return jta, passive

    def _solve_rows(
        self, qpos: np.ndarray, qvel: np.ndarray, mirrored: np.ndarray, jta: np.ndarray, passive: np.ndarray
    ) -> None:
        """Solve for at most `_ROWS` states, into the last two; no coordinator sees tendons in the mirror."""
        bind, moments, model, count = self._batch.bind, self._moments, self._model, len(qpos)
        assert not mirrored.any()
        bind("qpos")[:count], bind("qvel")[:count] = qpos, qvel
        self._batch.forward(np.arange(count), stage=int(mujoco.mjtStage.mjSTAGE_VEL))
        slope = np.ones((count, model.nv))
        slope[:, self.body.bound_dofadr] = self.body.bound_slope(qpos[:, self.body.joint_qposadr])
        _muscle_torques(
            *(moments.entry, moments.dof, moments.place, self.ptr, self.joint),
            *(model.actuator_lengthrange, model.actuator_acc0),
            *(model.actuator_gainprm, model.actuator_biasprm),
            *(slope, bind("actuator_moment")[:count]),
            *(bind("actuator_length")[:count], bind("actuator_velocity")[:count]),
            *(jta, passive),
        )


class WayPointProblems(Problems):
    """Those of muscles on way-points of the engine's own: what worlds hand their coordinator."""

    def _prepare(self, mechanism: Mechanism, law: ControlLaw, num_threads: int) -> None:
        network = NetworkSpec((1,), keep_samples=True)
        records = replace(law.records, capacity=True)
        asked = replace(law, network=network, guest=None, symmetric=True, disturbances=None, records=records)
        self._worlds = Worlds(self.body, asked, _ROWS, 2, num_threads, measured=True)

    def _solve_rows(
        self, qpos: np.ndarray, qvel: np.ndarray, mirrored: np.ndarray, jta: np.ndarray, passive: np.ndarray
    ) -> None:
        worlds, ids = self._worlds, np.arange(len(qpos))
        assert worlds.coordinator is not None and worlds.coordinator.samples is not None
        worlds.reset(ids, qpos, qvel)
        worlds.slot("mirrored")[ids] = mirrored[:, None]
        worlds.measure(ids)
        passive[:] = worlds.slot("passive_torque")[ids]
        worlds.choose_samples(np.zeros(worlds.num_worlds))  # of the first substep, at the states themselves
        worlds.step(ids=ids)
        jta[:] = worlds.coordinator.samples.jta_reduced[ids]


def problems_of(body: Any, law: ControlLaw, num_threads: int) -> Problems:
    """The problems of a body, wherever its muscles run."""
    kind = Problems if body.mechanism().way_points is None else WayPointProblems
    return kind(body, law, num_threads)


@numba.njit
def _optimize(
    sweep_muscle, sweep_number, sweep_entry, sweep_joint, jta, required, regularization, sweeps, activation
):
    """Rows of `Problems.optimize`."""
    n_muscle = activation.shape[1]
    lower, upper = np.zeros(n_muscle), np.ones(n_muscle)
    residual = np.empty(required.shape[1])
    for i in range(jta.shape[0]):
        static_optimization(
            sweep_muscle, sweep_number, sweep_entry, sweep_joint,
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
