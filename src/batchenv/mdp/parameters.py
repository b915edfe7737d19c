"""Parameters of worlds: which there are, how they are drawn, and how they are written into the worlds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batchenv.body import Body
from batchenv.body.muscle_groups import selection
from batchenv.body.names import BodyNames
from batchenv.config import WorldParameters
from batchenv.engine import Worlds
from batchenv.engine.uneven_floor import set_relief
from batchenv.engine.world_parameters import (
    set_friction,
    set_mass,
    set_muscle_lengths,
    set_muscle_strength,
    set_slope,
)
from batchenv.errors import ConfigError, InputError
from batchenv.mdp.adaptive import AdaptiveRanges
from batchenv.mdp.resets import parameter

Array = np.ndarray
_SWAPPED = {"left": "right", "right": "left"}
_MUSCLE, _MASS, _SLOPE, _RELIEF = "muscle.", "body.mass.", "slope.", "relief."
STRENGTH, OPTIMAL_LENGTH = "muscle.strength.", "muscle.optimal_length."
_TENDON_SLACK = "muscle.tendon_slack."


class ParameterSet:
    """The P parameters of a configuration.

    Args:
        config: of the parameters.
        body: that has them.
        actuator: what actions drive.

    Attributes:
        names: by path in `environment.parameters` (P,).
        by_name, ranges: range of each, by name and in order (P,).
        low, high, default: of the ranges, each (P,).
        shown: names of the parameters, and of twins of one-sided ones that are no parameters.
        twins: name of the twin of each that is shown, or its own.
        uneven: whether floors can have bumps or steps.
        adaptive: those that are drawn more often where episodes ended early.

    Raises:
        ConfigError: a selector means nothing, or muscles vary that are not used.
    """

    def __init__(self, config: WorldParameters, body: Body, actuator: str):
        self.by_name = config.by_name
        self.names, self.ranges = tuple(self.by_name), tuple(self.by_name.values())
        self.low, self.high, self.default = (
            np.array([getattr(r, end) for r in self.ranges]) for end in ("min", "max", "default")
        )
        self._per_episode = np.array(
            [r.per == "episode" and r.sampling != "fixed" for r in self.ranges], bool
        )
        self.adaptive = AdaptiveRanges.of(self.ranges)
        check_muscles_act(self.names, actuator)
        self.uneven = any(name.startswith(_RELIEF) for name in self.names)
        twin = {name: twin_of(name, body.names) for name in self.names}
        self.shown = (*self.names, *(other for other in twin.values() if other not in self.names))
        self.twins = tuple(twin_of(name, body.names) for name in self.shown)
        bodies = tuple(body.model.body(i).name for i in range(body.model.nbody))
        self._selected = {
            prefix: masks_of(self.names, prefix, body.muscle_names, body.names)
            for prefix in (STRENGTH, OPTIMAL_LENGTH, _TENDON_SLACK)
        } | {_MASS: masks_of(self.names, _MASS, bodies, body.names, {})}

    def draw(self, values: Array, numbers: Array, first: Array, level: Array, missed: Array) -> Array:
        """Return the parameters of n episodes that begin (n, P).

        Args:
            values: of the episodes before (n, P), kept where nothing is drawn.
            numbers: uniform ones (n, 3 P): two for each value, then one for whether it is drawn.
            first: whether each episode is the first after a seed (n,) bool.
            level: how far what is drawn for an episode is from its default, as a share (n,).
            missed: failures of the parameters that are drawn adaptively (n, A, BINS), see `AdaptiveRanges`.
        """
        drawn, columns = values.copy(), self.adaptive.columns
        pairs, odds = np.split(numbers, [2 * len(self.ranges)], axis=1)
        chosen = self.adaptive.drawn(missed, pairs.reshape(len(values), -1, 2)[:, columns])
        adaptive = dict(zip(columns.tolist(), chosen.T, strict=True))
        for k, limits in enumerate(self.ranges):
            rows = slice(None) if self._per_episode[k] else first
            value = adaptive[k] if k in adaptive else parameter(limits, pairs[:, 2 * k : 2 * k + 2])
            if limits.chance < 1.0:
                value = np.where(odds[:, k] < limits.chance, value, limits.default)
            if self._per_episode[k]:
                value = np.where(level < 1.0, limits.default + level * (value - limits.default), value)
            drawn[rows, k] = value[rows]
        return drawn

    def write(self, worlds: Worlds[Body], ids: Array, values: Array) -> None:
        """Write parameters (n, P) into worlds (n,), as far as they are properties of their models."""
        strength, length, slack, mass = (
            factors(values, masks) if masks else None for masks in self._selected.values()
        )
        if strength is not None:
            set_muscle_strength(worlds, strength, ids)
        if length is not None or slack is not None:
            one = np.ones((1, 1))
            set_muscle_lengths(
                worlds, one if length is None else length, one if slack is None else slack, ids
            )
        if mass is not None:
            set_mass(worlds, mass, ids)
        if "ground.friction" in self.names:
            set_friction(worlds, values[:, self.names.index("ground.friction")], ids)
        if any(name.startswith(_SLOPE) for name in self.names):
            forward, left = (self.value(_SLOPE + name, values) for name in ("forward", "left"))
            set_slope(worlds, forward, left, ids)
        if self.uneven:
            bumps, steps = (self.value(_RELIEF + name, values) for name in ("bumps", "steps"))
            set_relief(worlds, bumps, steps, ids)

    @property
    def one_sided(self) -> str | None:
        """A clause on the first parameter whose twin does not vary likewise; None if there is none."""
        for name, twin in zip(self.names, self.twins, strict=False):
            if self.by_name.get(twin) != self.by_name[name]:
                return (
                    f"environment.parameters.{name} is of one side, and environment.observation.terms lacks "
                    "'parameters'"
                )
        return None

    def value(self, name: str, values: Array) -> Array:
        """Values (n,) of a parameter by its path, out of all (n, P); 0 where it does not vary."""
        column = self.column(name)
        return np.zeros(len(values)) if column is None else values[:, column]

    def column(self, name: str) -> int | None:
        """Place of a parameter by its path; None where it does not vary."""
        return self.names.index(name) if name in self.names else None


def check_muscles_act(names: Sequence[str], actuator: str) -> None:
    """Refuse parameters of muscles that are not used.

    Raises:
        ConfigError: names the first.
    """
    if actuator in ("pd", "tor") and (found := [name for name in names if name.startswith(_MUSCLE)]):
        raise ConfigError(
            f"environment.parameters.{found[0]}: muscles make no force with actuator {actuator!r}; "
            "give actuator 'mass' or 'muscle', or no parameters of muscles"
        )


def masks_of(
    parameters: Sequence[str],
    prefix: str,
    members: tuple[str, ...],
    body_names: BodyNames,
    groups: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[int, Array]:
    """Which members each parameter under a prefix selects (M,) bool, by the parameter's column.

    Args:
        parameters: names of all (P,).
        prefix: of those to look at.
        members: names of muscles or bodies (M,).
        body_names: what marks their sides.
        groups: of members; None for those of the muscles of myo_sim.

    Raises:
        ConfigError: a parameter selects none.
    """
    more = {} if groups is None else {"groups": groups}
    return {
        k: selection(
            name.removeprefix(prefix),
            members,
            f"environment.parameters.{name}",
            body_names=body_names,
            **more,
        )
        for k, name in enumerate(parameters)
        if name.startswith(prefix)
    }


def factors(values: Array, masks: dict[int, Array]) -> Array:
    """Product of parameters (n, P) on each member (n, M), see `masks_of`."""
    product = np.ones((len(values), len(next(iter(masks.values())))))
    for k, mask in masks.items():
        product[:, mask] *= values[:, k : k + 1]
    return product


def checked_values(values: Any, ranges: Mapping[Any, Any], num_worlds: int) -> Array:
    """Return values of parameters as (num_worlds, P).

    Args:
        values: (num_worlds, P) of any real type.
        ranges: of the parameters, by name (P): each has `min` and `max`.
        num_worlds: how many worlds they are for.

    Raises:
        InputError: they have another shape, or one is outside its range.
    """
    array, expected, names = np.asarray(values), (num_worlds, len(ranges)), tuple(ranges)
    if array.shape != expected or array.dtype.kind not in "fiu":
        raise InputError(
            f"parameters have shape {array.shape} and dtype {array.dtype}, expected real numbers "
            f"(len(ids), parameters) = {expected}: {', '.join(names) or 'none are configured'}"
        )
    for k, (name, limits) in enumerate(ranges.items()):
        # Written so that not-a-number is outside, too.
        outside = np.flatnonzero(~((array[:, k] >= limits.min) & (array[:, k] <= limits.max)))
        if outside.size:
            raise InputError(
                f"parameter {name!r} is {array[outside[0], k]} in row {outside[0]}; "
                f"expected a number from min = {limits.min} to max = {limits.max}"
            )
    return array.astype(float)


def twin_of(name: str, names: BodyNames) -> str:
    """The parameter of the other side; itself where it has none."""
    if name.startswith(_SLOPE):  # a direction, not a side of the body
        return name
    group, _, selector = name.rpartition(".")
    return f"{group}.{_SWAPPED.get(selector, names.twin(selector))}"
