"""Parameters of GaitNet's worlds: those that vary, their twins in the mirror, and those of muscles."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.muscle_groups import gaitnet_groups
from batchenv.body.gaitnet.reshaped import GLOBAL
from batchenv.config.gaitnet import GaitNetRange
from batchenv.engine import Worlds
from batchenv.errors import ConfigError, nearest
from batchenv.mdp.parameters import OPTIMAL_LENGTH, STRENGTH, check_muscles_act, factors, masks_of, twin_of

Array = np.ndarray
_log = logging.getLogger(__name__)
_MUSCLE = "muscle."


class MuscleFactors:
    """Strength and optimal length of the muscles of each world.

    Args:
        ranges: of all parameters, by name.
        body: that has the muscles.
        actuator: what actions drive.

    Raises:
        ConfigError: a parameter selects no muscle, or muscles vary that are not used.
    """

    def __init__(self, ranges: Mapping[str, GaitNetRange], body: GaitNetBody, actuator: str):
        names = [name for name in ranges if "." in name]
        check_muscles_act(names, actuator)
        groups = gaitnet_groups(body.muscle_names)
        self._strength, self._length = (
            masks_of(names, prefix, body.muscle_names, body.names, groups)
            for prefix in (STRENGTH, OPTIMAL_LENGTH)
        )

    def write(self, worlds: Worlds[GaitNetBody], ids: Array, values: Array, *, reshaped: bool) -> None:
        """Give some worlds (n,) muscles of their own.

        Args:
            worlds: of a body.
            ids: worlds (n,).
            values: of the parameters with a "." in their names (n, Q).
            reshaped: whether peak forces have been written already, for bodies of their own.
        """
        if self._strength:
            force = worlds.own("peak_force")
            usual = force[ids] if reshaped else worlds.usual("peak_force")
            force[ids] = usual * factors(values, self._strength)
        if self._length:
            length = worlds.usual("optimal_length") * factors(values, self._length)
            worlds.own("optimal_length")[ids] = length


def varying_parameters(ranges: Mapping[str, GaitNetRange], body: GaitNetBody) -> tuple[list[str], list[int]]:
    """Names of the parameters that are observed, and the place of the twin of each.

    A parameter of the muscles of one side has its twin beside it, though it is no parameter.
    """
    names = [name for name, given in ranges.items() if given.varies]
    muscles = [name for name in names if name.startswith(_MUSCLE)]
    others = names[: len(names) - len(muscles)]
    muscles += [twin for name in muscles if (twin := twin_of(name, body.names)) not in muscles]
    twins = [len(others) + muscles.index(twin_of(name, body.names)) for name in muscles]
    return [*others, *muscles], [*_twins(others), *twins]


def idle_parameters(ranges: Mapping[str, GaitNetRange], body: GaitNetBody) -> frozenset[str]:
    """Twists that name no body: GaitNet draws them, turns nothing, and shows zero.

    Raises:
        ConfigError: a factor on a length names no body; GaitNet's own program ends at it.
    """
    bodies: tuple[str, ...] = body.skeleton.names
    idle: set[str] = set()
    for name in ranges:
        group, _, part = name.partition(".")
        where = f"environment.parameters.{name}"
        if group == "skeleton" and part != GLOBAL and part not in bodies:
            raise ConfigError(
                f"{where}: the skeleton has no such body.{nearest(part, (*bodies, GLOBAL))} There are: "
                f"{GLOBAL}, {', '.join(bodies)}"
            )
        if group == "torsion" and not any(each in part for each in bodies):
            idle.add(name)
            _log.warning(
                "%s has no effect, as in the original: no body's name is part of it.%s",
                where,
                nearest(part.replace("_", ""), bodies),
            )
    return frozenset(idle)


def _twins(names: Sequence[str]) -> list[int]:
    """Place of each parameter in the mirror: neighbours whose names differ at one end change places."""
    twins, k = list(range(len(names))), 0
    while k < len(names) - 1:
        (group, _, one), (other_group, _, other) = names[k].partition("."), names[k + 1].partition(".")
        if one and group == other_group and (one[1:] == other[1:] or one[:-1] == other[:-1]):
            twins[k], twins[k + 1] = k + 1, k
            k += 1
        k += 1
    return twins
