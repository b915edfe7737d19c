"""BodyNames: what a body calls its feet, its sides and its joints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from batchenv.errors import BodyError, nearest

Pair = tuple[str, str]

FEET, TOES, TRUNK, HEAD = ("calcn_r", "calcn_l"), ("toes_r", "toes_l"), "torso", "head"
SIDES = ("_r", "_l")
# A side that ends in one of these stands before a name, as in right_knee.
SEPARATORS = ("_", "-", ".")
RIGHT, LEFT = 0, 1
MINUS = "-"


class Sided(NamedTuple):
    """A name without its side, and the side: RIGHT, LEFT or None."""

    bare: str
    side: int | None


@dataclass(frozen=True, kw_only=True)
class BodyNames:
    """What a body calls its parts; by default as myo_sim does.

    Attributes:
        feet: bodies of the right and the left heel; None for calcn_r and calcn_l, which may be missing.
        toes: bodies of the toes, right and left; None for toes_r and toes_l, which may be missing.
        trunk: body of the trunk; None for torso, or the root where there is none.
        head: body of the head; None for head, or the trunk where there is none.
        sides: what marks right and left: endings of names, or beginnings where they end in "_", "-" or ".".
        joints: the body's joint for each joint of the reference gait, both without side, where they differ;
            with a minus before it where it turns the other way; None for a joint that the body lacks.
    """

    feet: Pair | None = None
    toes: Pair | None = None
    trunk: str | None = None
    head: str | None = None
    sides: Pair = SIDES
    joints: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def foot_bodies(self) -> Pair:
        """Names of the right and the left foot, whether or not they were given."""
        return self.feet or FEET

    @property
    def toe_bodies(self) -> Pair:
        """Names of the toes, right and left, whether or not they were given."""
        return self.toes or TOES

    @property
    def trunk_body(self) -> str:
        """Name of the trunk, whether or not it was given."""
        return self.trunk or TRUNK

    @property
    def head_body(self) -> str:
        """Name of the head, whether or not it was given."""
        return self.head or HEAD

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """Bodies that were named, and so have to exist, by attribute."""
        named = {"feet": self.feet, "toes": self.toes}
        single = {"trunk": self.trunk, "head": self.head}
        named |= {key: (body,) for key, body in single.items() if body}
        return {key: bodies for key, bodies in named.items() if bodies}

    @property
    def absent(self) -> frozenset[str]:
        """Joints of the reference that the body lacks."""
        return frozenset(name for name, joint in self.joints.items() if joint is None)

    @cached_property
    def _reference(self) -> dict[str, str]:
        return {joint.removeprefix(MINUS): name for name, joint in self.joints.items() if joint is not None}

    def split(self, name: str) -> Sided:
        """Split a name into the bare name and its side."""
        for side, mark in enumerate(self.sides):
            if mark.endswith(SEPARATORS):
                if name.startswith(mark):
                    return Sided(name.removeprefix(mark), side)
            elif name.endswith(mark):
                return Sided(name.removesuffix(mark), side)
        return Sided(name, None)

    def sided(self, bare: str, side: int | None) -> str:
        """Return a bare name with a side, as the body writes it."""
        if side is None:
            return bare
        mark = self.sides[side]
        return mark + bare if mark.endswith(SEPARATORS) else bare + mark

    def without_side(self, name: str) -> str:
        """Return the name without its side."""
        return self.split(name).bare

    def is_left(self, name: str) -> bool:
        """Return whether a name is of the left side."""
        return self.split(name).side == LEFT

    def twin(self, name: str) -> str:
        """Return the name on the other side: knee_angle_r for knee_angle_l. One without a side is its own."""
        bare, side = self.split(name)
        return name if side is None else self.sided(bare, 1 - side)

    def kind(self, joint: str) -> str:
        """Return what the reference calls a joint of the body, without side."""
        bare = self.without_side(joint)
        return self._reference.get(bare, bare)

    def sign(self, kind: str) -> float:
        """Return -1 where the body's joint turns the other way than the reference's of that name, else 1."""
        return -1.0 if (self.joints.get(kind) or "").startswith(MINUS) else 1.0

    def common_joint(self, joint: str) -> str:
        """Return a joint's name as recordings have it: knee_angle_r for right_knee."""
        side = self.split(joint).side
        return self.kind(joint) + ("" if side is None else SIDES[side])

    def common_muscle(self, muscle: str) -> str:
        """Return a muscle's name as recordings have it, its side as _r or _l at the end."""
        bare, side = self.split(muscle)
        return bare + ("" if side is None else SIDES[side])

    def check_joints(self, joint_names: Sequence[str]) -> None:
        """Check that `joints` names joints of the body, each once.

        Args:
            joint_names: primary joints of the body (J,).

        Raises:
            BodyError: names the offender.
        """
        bare = list(dict.fromkeys(map(self.without_side, joint_names)))
        for name, signed in self.joints.items():
            shown, joint = f"names.joints.{name}", signed and signed.removeprefix(MINUS)
            if joint is None:
                if name in bare:
                    raise BodyError(
                        f"{shown} is null, and the body has joint {name!r}; leave the key out. A factor of 0"
                        " in motion.joint_scale keeps a joint still."
                    )
            elif joint not in bare:
                raise BodyError(
                    f"{shown} is {joint!r}, which is no joint of the body without its side."
                    f"{nearest(joint, bare)} Joints: {', '.join(bare)}."
                )
            elif self._reference[joint] != name:
                raise BodyError(
                    f"{shown} and names.joints.{self._reference[joint]} are both {joint!r}; expected one."
                )
            elif name in bare and name not in self._reference:
                raise BodyError(
                    f"{shown} is {joint!r}, but the body has a joint {name!r}, too; name the joint of"
                    " the reference that this one is."
                )


COMMON_NAMES = BodyNames()
