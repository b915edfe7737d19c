"""Walking as commanded: at the speed that each world is asked, as humans do it, standing at 0."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from batchenv.body import Body, GaitCycle
from batchenv.body.gait_by_speed import GaitBySpeed, load_gait_by_speed
from batchenv.config import Config, Motion
from batchenv.errors import ConfigError
from batchenv.mdp.batch import Batch
from batchenv.mdp.marks import Kind
from batchenv.mdp.quantities import Quantities, quantity
from batchenv.mdp.task import Terms
from batchenv.tasks.human import HumanTask
from batchenv.tasks.human_quantities import HumanState
from batchenv.tasks.registry import task

Array = np.ndarray
_SPEED = "speed"


@task("command")
class CommandTask(HumanTask):
    """Walk at the commanded speed, as humans do at that speed, and turn as commanded."""

    default_terms: ClassVar[Mapping[Kind, Terms]] = {
        "observation": {
            name: {}
            for name in (
                *("root_height", "root_up", "root_linvel", "root_angvel", "joint_pos", "joint_vel", "phase"),
                *("previous_action", "reference_pos", "foot_load", "command"),
            )
        },
        "command": {
            "walking_velocity": {
                **{"speed": (0.0, 2.0), "yaw_rate": (-0.8, 0.8), "standing": 0.1},
                "every": (2.0, 5.0),
            }
        },
    }
    _by_speed: GaitBySpeed

    def __init__(self, config: Config, body: Body):
        super().__init__(config, body)
        names = [column.name for column in self.command_layout]
        if _SPEED not in names:
            raise ConfigError(
                f"environment.commands has no column {_SPEED!r}, which the task command follows; list a term "
                "that has one, such as walking_velocity"
            )
        self._speed_column = names.index(_SPEED)
        if self._stride is not None or self._cadence is not None:
            raise ConfigError(
                "environment.parameters.gait: stride and cadence follow from the commanded speed; leave "
                "them out"
            )

    def load_reference(self) -> GaitCycle:
        """The gait at the speed that humans choose; those of other speeds lie beside it.

        Raises:
            ConfigError: the section `motion` asks for another reference.
        """
        usual, motion = Motion(), self.environment.motion
        for name in ("file", "period", "speed"):
            if getattr(motion, name) != getattr(usual, name):
                raise ConfigError(
                    f"environment.motion.{name} has no effect with the task command, which follows humans' "
                    "gait at the speeds of environment.commands; leave it out"
                )
        self._by_speed = load_gait_by_speed(self.body, self.environment.motion.joint_scale)
        return self._by_speed.usual

    @property
    def one_reference(self) -> bool:
        """Whether all worlds follow one cycle."""
        return False

    @property
    def reference_range(self) -> tuple[Array, Array]:
        """Least and greatest joint positions at all speeds, each (J,) [rad]."""
        positions = self._by_speed.tables[:, :, : len(self.body.joint_names)]
        return positions.min(axis=(0, 1)), positions.max(axis=(0, 1))

    def reference_speed(self, batch: Batch[Body, HumanState], ids: Array | slice | None) -> Array:
        """The commanded speed (n,) [m/s]."""
        rows = slice(None) if ids is None else ids
        return batch.commands.values[rows, self._speed_column].copy()

    def reference_rows(self, batch: Batch[Body, HumanState], ids: Array | None, phase: Array) -> Array:
        """Rows of the reference's table (n, t) at phases (n,), at the commanded speeds."""
        return self._by_speed.rows(phase, self.reference_speed(batch, ids))

    def reference_period(self, batch: Batch[Body, HumanState]) -> Array:
        """Length of the reference's cycle in all worlds (N,) [s]; infinite where they stand."""
        cadence = self._by_speed.cadence(self.reference_speed(batch, None))
        return np.divide(1.0, cadence, where=cadence > 0.0, out=np.full_like(cadence, np.inf))

    @quantity
    def reference_pelvis(self, q: Quantities) -> Array:
        """Forward tilt, list (right side up) and rotation (to the left) of the pelvis (N, 3) [rad]."""
        return self._by_speed.pelvis_rows(q.batch.state.phase[q.rows], self.reference_speed(q.batch, q.rows))
