"""What the policy sees: columns of an (N, O) array, each with a name, a unit and a mirror image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.mdp.gait_phase import encode
from batchenv.mdp.quantities import Quantities


@dataclass(frozen=True)
class Column:
    """One column of observations or actions.

    Attributes:
        name: for example "joint_pos/knee_angle_r".
        unit: SI, or "1".
    """

    name: str
    unit: str


@dataclass(frozen=True)
class Mirror:
    """The image of an array in the sagittal plane: `array[:, index] * sign`.

    Attributes:
        index: where each column comes from (n,).
        sign: +1 or -1 (n,).
    """

    index: np.ndarray
    sign: np.ndarray

    def __call__(self, array: Any) -> Any:
        """Mirror (..., n)."""
        return array[..., self.index] * self.sign


@dataclass(frozen=True)
class Block:
    """Columns that come from one quantity.

    Attributes:
        name: of the quantity.
        columns: what each column is.
        mirror: of the block, indices counted within it.
        values: (N, len(columns)) of the quantities.
    """

    name: str
    columns: tuple[Column, ...]
    mirror: Mirror
    values: Callable[[Quantities], Any]


def permutation(
    index: Sequence[int] | np.ndarray, sign: Sequence[float] | np.ndarray | None = None
) -> Mirror:
    """A mirror that swaps columns, and turns the sign of some."""
    index = np.asarray(index, np.intp)
    return Mirror(index, np.ones(index.size, np.float32) if sign is None else np.asarray(sign, np.float32))


def stacked(mirrors: Sequence[Mirror]) -> Mirror:
    """One mirror for columns laid side by side."""
    starts = np.cumsum([0, *(m.index.size for m in mirrors)])[:-1]
    index = np.concatenate([m.index + start for m, start in zip(mirrors, starts, strict=True)])
    return Mirror(index, np.concatenate([m.sign for m in mirrors]))


def _named(name: str, parts: Sequence[str], unit: str) -> tuple[Column, ...]:
    return tuple(Column(f"{name}/{part}" if part else name, unit) for part in parts)


def observation_blocks(
    joint_names: Sequence[str],
    joint_mirror: Mirror,
    action_layout: Sequence[Column],
    action_mirror: Mirror,
) -> tuple[Block, ...]:
    """The blocks of the walking task, in their order.

    Args:
        joint_names: primary joints (J,).
        joint_mirror: of a pose.
        action_layout, action_mirror: of the actions, which are observed too.
    """
    lateral = permutation([0, 1, 2], [1, -1, 1])  # a vector: forward, left, up
    spin = permutation([0, 1, 2], [-1, 1, -1])  # an axial vector
    turn = permutation([0], [-1])
    other_foot = permutation([1, 0])
    axes = ("forward", "left", "up")
    return (
        Block("root_height", _named("root_height", [""], "m"), permutation([0]), lambda q: q.root_pos[:, 2:]),
        Block("root_up", _named("root_up", axes, "1"), lateral, lambda q: q.root_up),
        Block("root_linvel", _named("root_linvel", axes, "m/s"), lateral, lambda q: q.root_linvel),
        Block("root_angvel", _named("root_angvel", axes, "rad/s"), spin, lambda q: q.root_angvel),
        Block("joint_pos", _named("joint_pos", joint_names, "rad"), joint_mirror, lambda q: q.joint_pos),
        Block("joint_vel", _named("joint_vel", joint_names, "rad/s"), joint_mirror, lambda q: q.joint_vel),
        # The left leg is half a cycle behind: in the mirror, sine and cosine of the phase change sign.
        Block(
            "phase",
            _named("phase", ("sin", "cos"), "1"),
            permutation([0, 1], [-1, -1]),
            lambda q: encode(q.phase),
        ),
        Block(
            "previous_action",
            tuple(Column(f"previous_action/{c.name}", c.unit) for c in action_layout),
            action_mirror,
            lambda q: q.action,
        ),
        Block(
            "reference_pos",
            _named("reference_pos", joint_names, "rad"),
            joint_mirror,
            lambda q: q.reference_pos,
        ),
        Block("heading", _named("heading", [""], "rad"), turn, lambda q: q.heading[:, None]),
        Block("lateral_drift", _named("lateral_drift", [""], "m"), turn, lambda q: q.root_pos[:, 1:2]),
        Block(
            "foot_load",
            _named("foot_load", ("right", "left"), "body weights"),
            other_foot,
            lambda q: q.foot_load,
        ),
    )


def observe(blocks: Sequence[Block], quantities: Quantities, out: Any) -> Any:
    """Write observations into `out` (N, O), and return it."""
    start = 0
    for block in blocks:
        stop = start + len(block.columns)
        out[:, start:stop] = block.values(quantities)
        start = stop
    return out
