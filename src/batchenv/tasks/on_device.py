"""What a human's task computes on a device: targets, quantities and terms as Torch tensors of all worlds.

Terms are the same functions as on the host. What is compiled there, or kept in NumPy, has its twin here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from batchenv.engine.warp.tensor_worlds import TensorWorlds
from batchenv.errors import HostOnlyError, InputError
from batchenv.mdp.gait_phase import advance
from batchenv.mdp.quantities import Function, Quantities
from batchenv.mdp.root_state import root_state
from batchenv.mdp.task import Task
from batchenv.mdp.terms import Term
from batchenv.tasks.human import HumanTask
from batchenv.tasks.human_quantities import measured_quantity

Tensor = torch.Tensor
# A `Batch` whose arrays that change in a step are tensors.
DeviceBatch = Any

# Methods of the task that have their twin here; a task with others of its own asks for something else.
_REPLACED = (
    *("apply_actions", "targets", "advance", "before_step", "timed_out", "quantities", "measured"),
    *("compute_observations", "compute_rewards", "compute_terminations"),
    *("reference_rows", "reference_period", "reference_speed"),
)


class DeviceTask:
    """A human's task on the device of some worlds.

    Args:
        task: whose terms are computed.
        worlds: of its body.

    Raises:
        HostOnlyError: the task asks for what can be computed on the host alone; names all of it.
    """

    def __init__(self, task: Task[Any, Any], worlds: TensorWorlds[Any]):
        if not isinstance(task, HumanTask):
            raise _host_only([f"task {task.config.environment.task!r}"])
        self._task, body = task, task.body
        constants = {"tracked": task.tracked_weights, "joint_range": body.joint_range}
        own: dict[str, Function] = _twins() | {
            name: _constant(worlds.tensor(values).float()) for name, values in constants.items()
        }
        own |= {name: measured_quantity(name, self) for name in task.columns}
        unknown = _without_twin(task, own)
        self._functions = task.functions | {
            name: function for name, function in own.items() if not _is_users(task, name)
        }
        if found := [*_unsupported(task), *_unknown_quantities(task, unknown)]:
            raise _host_only(found)
        self._axes = worlds.tensor(task.axes).float()
        self._table = worlds.tensor(task.gait.table)
        self._joint_qposadr, self._joint_dofadr, self._feet = (
            worlds.tensor(places) for places in (body.joint_qposadr, body.joint_dofadr, body.foot_body)
        )
        weights = [section.weight for section in task.environment.reward.values()]
        self._weights = torch.tensor(weights, device=worlds.torch_device)[:, None]
        self._num_targets = len(task.action_term.columns(task).parts)
        self._num_driven = len(task.muscle_names if task.actuator == "muscle" else task.joint_names)

    def targets(self, batch: DeviceBatch) -> tuple[Tensor, Tensor]:
        """Targets of the step to come, and their rates (N, n), (N, J), in float64 as on the host."""
        rows, n_joint = interpolated(self._table, batch.state.phase), len(self._joint_qposadr)
        rate = rows[:, n_joint : 2 * n_joint]
        known = {
            "action": batch.episodes.action[:, : self._num_targets],
            "reference_pos": rows[:, :n_joint],
            "reference_vel": rate,
        }
        given = Quantities(self._task, self._functions, batch, known=known)
        return _checked(self._task.action_term, given, (len(rows), self._num_driven)), rate

    def advance(self, batch: DeviceBatch) -> None:
        """Move the clock of the reference by a control step."""
        task, phase = self._task, batch.state.phase
        warping = task.environment.action.time_warping
        warp = warping * batch.episodes.action[:, -1].clamp(-1.0, 1.0) if warping > 0 else 0.0
        phase.copy_(advance(phase, task.control_dt, task.gait.period, warp))

    def quantities(self, batch: DeviceBatch, rows: Tensor | None = None) -> Quantities:
        """Quantities of some worlds now (n,); None for all."""
        ids: Any = rows
        return Quantities(self._task, self._functions, batch, ids)

    def observations(self, quantities: Quantities) -> Tensor:
        """Observations (n, obs_dim), float32."""
        values = self._task.observed(quantities, quantities.num_worlds)
        for term, value in zip(self._task.observation_terms, values, strict=True):
            _check_tensor(term, value)
        return torch.cat(values, dim=1).float()

    def rewards(self, quantities: Quantities) -> tuple[Tensor, Tensor]:
        """Unweighted terms (terms, n), and their weighted sum (n,), float32."""
        shape = (quantities.num_worlds,)
        rows = torch.stack([_checked(term, quantities, shape).float() for term in self._task.reward_terms])
        return rows, (self._weights * rows).sum(dim=0)

    def terminations(self, quantities: Quantities) -> Tensor:
        """Whether each episode failed (n,) bool."""
        shape = (quantities.num_worlds,)
        failed = torch.zeros(shape, dtype=torch.bool, device=self._axes.device)
        for term in self._task.termination_terms:
            failed = failed | _checked(term, quantities, shape)
        return failed

    def measured(self, q: Quantities) -> dict[str, Tensor]:
        """What `HumanQuantities.measured` knows of worlds `q.rows`, by name, float32."""
        batch, weight = _batch(q), self._task.body.weight
        worlds = batch.worlds
        qpos, qvel, places = (worlds.bind(name)[q.rows] for name in ("qpos", "qvel", "xpos"))
        feet = places[:, self._feet] - places[:, None, self._task.body.root_body]
        table = interpolated(self._table, batch.state.phase[q.rows]).float()
        first = self._task.columns["reference_pos"].start
        reference = {
            name: table[:, _moved(place, first)]
            for name, place in self._task.columns.items()
            if name.startswith("reference_")
        }
        reference["reference_foot_pos"] = reference["reference_foot_pos"].reshape(feet.shape)
        return {
            **root_state(qpos, qvel, feet, self._axes),
            **reference,
            "joint_pos": qpos[:, self._joint_qposadr],
            "joint_vel": qvel[:, self._joint_dofadr],
            "foot_load": worlds.mean_of("foot_load_sum")[q.rows] / weight,
            "foot_load_peak": worlds.slot("foot_load_peak")[q.rows] / weight,
            "activation_squared": worlds.slot("effort_sum")[q.rows] / worlds.substeps,
        }


def _host_only(found: list[str]) -> HostOnlyError:
    return HostOnlyError(f"a DeviceEnv does not support {', '.join(found)}; a BatchEnv does")


def _batch(q: Quantities) -> DeviceBatch:
    return q.batch


def interpolated(table: Tensor, phase: Tensor) -> Tensor:
    """Rows (n, t) of a periodic table (K, t) at phases (n,): the twin of `measure.interpolate`."""
    place = (phase - phase.floor()) * len(table)
    lower = place.floor()
    below = lower.long() % len(table)
    above = (below + 1) % len(table)
    return table[below] + (place - lower)[:, None] * (table[above] - table[below])


def _moved(place: slice | int, first: int) -> slice | int:
    """A place among columns, counted from another first one."""
    return slice(place.start - first, place.stop - first) if isinstance(place, slice) else place - first


def _constant(values: Tensor) -> Function:
    """A quantity that never changes."""
    return lambda task, q: values


def _twins() -> dict[str, Function]:
    """Quantities of `HumanQuantities` that NumPy computes there, on tensors."""
    return {
        "yaw_rate": lambda task, q: q["root_angvel"][:, 2],
        "target_speed": lambda task, q: q["heading"].new_full((q.num_worlds,), task.gait.speed),
        "phase": lambda task, q: _batch(q).state.phase[q.rows].float(),
        "action": lambda task, q: _batch(q).episodes.action[q.rows].float(),
        "previous_action": lambda task, q: _batch(q).episodes.previous_action[q.rows].float(),
        "episode_time": lambda task, q: _batch(q).episodes.step[q.rows] * task.control_dt,
        "desired_torque": lambda task, q: _batch(q).worlds.mean_of("desired_sum")[q.rows],
        "achieved_torque": lambda task, q: _batch(q).worlds.mean_of("achieved_sum")[q.rows],
        "residual_torque": lambda task, q: _batch(q).worlds.mean_of("residual_squared_sum")[q.rows].sqrt(),
    }


def _is_users(task: HumanTask, name: str) -> bool:
    """Whether a quantity is a user's own: his class overrides one of batchenv's, or adds one."""
    if name in task.columns:
        return name in task.own_quantities
    return not task.functions[name].__module__.startswith("batchenv.")


def _without_twin(task: HumanTask, twins: Mapping[str, Function]) -> list[str]:
    return [name for name in task.functions if name not in twins and not _is_users(task, name)]


def _unsupported(task: HumanTask) -> Iterator[str]:
    """What the task asks for and only the host does, by its path in the configuration."""
    environment, kind = task.environment, type(task)
    for name in _REPLACED:
        if getattr(kind, name) is not getattr(HumanTask, name):
            yield f"task {task.config.environment.task!r}, which has its own {name}()"
            return
    found = {
        "environment.motion.smooth": environment.motion.smooth,
        "environment.action.smooth": environment.action.smooth,
        "environment.commands": len(task.commands) > 0,
        "environment.curriculum": environment.curriculum is not None,
        "environment.observation.noise": bool(environment.observation.noise),
    }
    yield from (name for name, present in found.items() if present)
    yield from (event.where for event in task.event_terms if event.mark.when == "step")


def _unknown_quantities(task: HumanTask, unknown: Sequence[str]) -> Iterator[str]:
    """Terms that read quantities without a twin."""
    for term in (task.action_term, *task.observation_terms, *task.reward_terms, *task.termination_terms):
        for name in term.quantities:
            if name in unknown:
                yield f"{term.where}, which reads {name!r}"


def _checked(term: Term, quantities: Quantities, shape: tuple[int, ...]) -> Tensor:
    """What a term returns, a tensor of a shape.

    Raises:
        InputError: it returned something else.
    """
    values = term.checked(quantities, shape)
    _check_tensor(term, values)
    return values


def _check_tensor(term: Term, values: Any) -> None:
    if not isinstance(values, Tensor):
        raise InputError(
            f"{term.title} returned {type(values).__name__} for Torch tensors; expected a tensor: write it "
            "for any array library, see docs/gpu.md"
        )
