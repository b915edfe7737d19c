"""Clip: a motion of named joints and a root over time, whatever file it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from batchenv.arrays import shown
from batchenv.body.gaitnet.rotations import (
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_quat,
)
from batchenv.body.planar import wrapped
from batchenv.errors import InputError, nearest

Array = np.ndarray

_NOTHING: Mapping[str, Array] = MappingProxyType({})
_LARGEST = 1e7  # number, in SI units, far beyond what bodies do
_UNIT = 1e-3  # how far from 1 the length of a quaternion may be
_MOST_SAMPLES = 10_000_000
_STRAIGHT = 1e-6  # a cycle that turns by less walks straight on [rad]
FORCES = {"grf": (2, 3), "cop": (2, 3), "free_moment": (2,)}
"""Forces that a clip may hold, with their shapes behind (T,), as in recordings."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """T samples of a motion; all arrays are float64, contiguous and read-only.

    A clip has one of two frames, and `body` says which:

    - As read from a file, `body` is "". Joints go by the common names, those of recordings and of OpenSim's
      model of Rajagopal (hip_flexion_r, knee_angle_l, arm_flex_r), with their signs: flexion, adduction,
      internal rotation, dorsiflexion and inversion are positive on both sides. In the world x is forward, y
      left, z up; the root has the quaternion (1, 0, 0, 0) where the pelvis stands upright and faces along x.
    - Fitted to a body by `batchenv.motion.fit.fit_clip`, `body` is its title. Then `joint_names` are its
      primary joints, all of them, in its order and with its signs, and root and joints are what `Body.qpos`
      takes.

    Attributes:
        times: of the samples, increasing (T,) [s].
        joint_names: (J,).
        joint_pos: (T, J) [rad], [m] for joints that slide.
        root_pos: of the pelvis (T, 3) [m], z up.
        root_quat: of the pelvis (T, 4), w first, normalised.
        loops: whether the last sample is the first one again, a cycle later: alike but for where the root is
            on the floor and where it heads.
        source: file or walker that it came from, for messages.
        body: title of the body that it was fitted to, its file and proportions, or "".
        markers: places by name, each (T, 3) [m] in the world of the root; not-a-number where one is hidden.
        forces: grf (T, 2, 3) [N] on the right and the left foot, cop (T, 2, 3) [m], free_moment (T, 2) [Nm].

    Raises:
        InputError: an array has another shape or holds what is no number; the message says which.
    """

    times: Array
    joint_names: tuple[str, ...]
    joint_pos: Array
    root_pos: Array
    root_quat: Array
    loops: bool = False
    source: str = ""
    body: str = ""
    markers: Mapping[str, Array] = field(default_factory=lambda: _NOTHING)
    forces: Mapping[str, Array] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        samples, joints = np.size(self.times), len(self.joint_names)
        if not 2 <= samples <= _MOST_SAMPLES:
            raise InputError(
                f"{self.source or 'a clip'}: {samples} samples; expected 2 to {_MOST_SAMPLES:,} of them"
            )
        repeated = [name for name in self.joint_names if self.joint_names.count(name) > 1]
        if repeated:
            raise InputError(f"{self.source or 'a clip'}: joint {repeated[0]!r} occurs twice")
        odd = [name for name in self.joint_names if name != name.strip() or not (name and name.isprintable())]
        if odd:
            raise InputError(
                f"{self.source or 'a clip'}: joint {shown(odd[0])}; expected a name of printable letters"
                " without spaces around it"
            )
        shapes = {"times": (), "joint_pos": (joints,), "root_pos": (3,), "root_quat": (4,)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, self._checked(name, getattr(self, name), samples, shape))
        late = np.flatnonzero(np.diff(self.times) <= 0)
        if late.size:
            before, after = self.times[late[0] : late[0] + 2]
            raise InputError(
                f"{self.source or 'a clip'}: its times do not increase; after {before:g} comes {after:g} s,"
                f" in sample {late[0] + 1}"
            )
        length = np.linalg.norm(self.root_quat, axis=1, keepdims=True)
        if np.abs(length - 1).max() > _UNIT:
            raise InputError(f"{self.source or 'a clip'}: a root_quat has the length {length.max():g}, not 1")
        object.__setattr__(self, "root_quat", _read_only(self.root_quat / length))
        markers = {
            name: self._checked(f"marker {name}", place, samples, (3,), hidden=True)
            for name, place in self.markers.items()
        }
        unknown = [name for name in self.forces if name not in FORCES]
        if unknown:
            raise InputError(
                f"{self.source or 'a clip'}: force {unknown[0]!r}, expected some of {', '.join(FORCES)}."
                f"{nearest(unknown[0], FORCES)}"
            )
        forces = {
            name: self._checked(name, force, samples, FORCES[name]) for name, force in self.forces.items()
        }
        object.__setattr__(self, "markers", MappingProxyType(markers))
        object.__setattr__(self, "forces", MappingProxyType(forces))

    def _checked(
        self, name: str, value: Array, samples: int, shape: tuple[int, ...], *, hidden: bool = False
    ) -> Array:
        array = np.array(value, dtype=float)
        if array.shape != (samples, *shape):
            raise InputError(
                f"{self.source or 'a clip'}: {name} has the shape {array.shape}, expected {(samples, *shape)}"
            )
        odd = ~(np.abs(array) <= _LARGEST) & ~(hidden & np.isnan(array))
        if odd.any():
            row = int(np.argwhere(odd)[0][0])
            raise InputError(
                f"{self.source or 'a clip'}: {name} is {array[odd][0]:g} in sample {row}; expected numbers of"
                f" at most {_LARGEST:g}"
            )
        return _read_only(array)

    @property
    def duration(self) -> float:
        """Time from the first sample to the last [s]; of a clip that loops, the period of the cycle."""
        return float(self.times[-1] - self.times[0])

    @property
    def rate(self) -> float:
        """Mean number of samples a second [Hz]."""
        return (len(self.times) - 1) / self.duration

    def joint(self, name: str) -> Array:
        """Return the positions (T,) of a joint.

        Raises:
            InputError: the clip has no such joint; says which it has.
        """
        if name not in self.joint_names:
            raise InputError(
                f"{self.source or 'the clip'} has no joint {name!r}.{nearest(name, self.joint_names)}"
                f" Joints: {', '.join(self.joint_names)}."
            )
        return self.joint_pos[:, self.joint_names.index(name)]

    def at(self, seconds: Array) -> "Clip":
        """Return the clip at other times, counted from its first sample.

        Joints, places and forces lie on straight lines between samples, rotations on the shortest arcs.
        A clip that loops goes on beyond its ends, the root further along and turned by what each cycle turns
        it; another one stands still there.

        Args:
            seconds: increasing (n,) [s].

        Returns:
            A clip of n samples at these times, which does not loop.
        """
        phase = np.asarray(seconds, float)
        cycle = np.floor(phase / self.duration).astype(int) if self.loops else np.zeros(len(phase), int)
        place = np.clip(self.times[0] + phase - cycle * self.duration, self.times[0], self.times[-1])
        before = np.clip(np.searchsorted(self.times, place, side="right") - 1, 0, len(self.times) - 2)
        share = (place - self.times[before]) / (self.times[before + 1] - self.times[before])

        def between(array: Array) -> Array:
            weight = share.reshape(-1, *[1] * (array.ndim - 1))
            return (1.0 - weight) * array[before] + weight * array[before + 1]

        turn = vector_from_quat(
            quat_product(quat_inverse(self.root_quat[before]), self.root_quat[before + 1])
        )
        quat = quat_product(self.root_quat[before], quat_from_vector(share[:, None] * turn))
        root_pos, root_quat = self._cycles_on(between(self.root_pos), quat, cycle)
        return replace(
            self,
            times=phase,
            joint_pos=between(self.joint_pos),
            root_pos=root_pos,
            root_quat=root_quat,
            loops=False,
            markers={name: between(array) for name, array in self.markers.items()} if not cycle.any() else {},
            forces={
                name: between(self.forces[name]) for name in self.forces if name != "cop" or not cycle.any()
            },
        )

    def resampled(self, rate: float) -> "Clip":
        """Return the clip in even steps of nearly 1 / rate, such that its first and last samples stay.

        Args:
            rate: [Hz].
        """
        if not 0 < rate <= 1e6:
            raise InputError(f"rate is {rate!r}; expected a number of samples a second above 0, up to 1e6")
        steps = round(self.duration * rate)
        if steps < 2:
            raise InputError(
                f"rate is {rate!r}, which leaves less than three samples of {self.duration:.3g} s; expected "
                f"{2.0 / self.duration:.3g} at least"
            )
        if steps > _MOST_SAMPLES:
            raise InputError(
                f"rate is {rate!r}, which makes {steps:,} samples; expected {_MOST_SAMPLES:,} at most"
            )
        phase = np.linspace(0.0, self.duration, steps + 1)
        resampled = replace(self, loops=False).at(phase)
        return replace(resampled, times=self.times[0] + phase, loops=self.loops)

    @property
    def joint_vel(self) -> Array:
        """Joint velocities (T, J) [rad/s]: central differences, across the seam of a clip that loops."""
        times, joints, _, _ = self._extended()
        return self._inner(np.gradient(joints, times, axis=0))

    @property
    def root_linvel(self) -> Array:
        """Velocity of the root (T, 3) [m/s] in the world: central differences."""
        times, _, place, _ = self._extended()
        return self._inner(np.gradient(place, times, axis=0))

    @property
    def root_angvel(self) -> Array:
        """Angular velocity of the root (T, 3) [rad/s] in its own frame, as MuJoCo has it for a free joint."""
        times, _, _, quat = self._extended()
        step = vector_from_quat(quat_product(quat_inverse(quat[:-1]), quat[1:])) / np.diff(times)[:, None]
        return self._inner(0.5 * (np.concatenate([step[:1], step]) + np.concatenate([step, step[-1:]])))

    @property
    def cycle_yaw(self) -> float:
        """Angle about the vertical by which each cycle of a clip that loops turns the root [rad]."""
        step = quat_product(self.root_quat[-1], quat_inverse(self.root_quat[0]))
        return float(wrapped(2.0 * np.arctan2(step[3], step[0])))

    def _extended(self) -> tuple[Array, Array, Array, Array]:
        """Times, joints, places and quaternions, of a clip that loops with a sample more at either end."""
        if not self.loops:
            return self.times, self.joint_pos, self.root_pos, self.root_quat
        row = np.r_[-2, 0 : len(self.times), 1]
        cycle = np.r_[-1, np.zeros(len(self.times), int), 1]
        place, quat = self._cycles_on(self.root_pos[row], self.root_quat[row], cycle)
        return self.times[row] + cycle * self.duration, self.joint_pos[row], place, quat

    def _inner(self, rows: Array) -> Array:
        return rows[1:-1] if self.loops else rows

    def _cycles_on(self, place: Array, quat: Array, cycle: Array) -> tuple[Array, Array]:
        """Places (n, 3) and quaternions (n, 4) of the root some cycles (n,) later.

        A cycle takes a place p on the floor, as a complex number, to e^(i yaw) p + d.
        """
        if not self.loops or not cycle.any():
            return place, quat
        yaw, flat = self.cycle_yaw, self.root_pos[:, 0] + 1j * self.root_pos[:, 1]
        turn = np.exp(1j * yaw)
        step = flat[-1] - turn * flat[0]
        yaws = cycle * yaw
        sums = cycle if abs(yaw) < _STRAIGHT else (np.exp(1j * yaws) - 1.0) / (turn - 1.0)
        there = np.exp(1j * yaws) * (place[:, 0] + 1j * place[:, 1]) + sums * step
        up = np.stack([np.cos(yaws / 2), 0 * yaws, 0 * yaws, np.sin(yaws / 2)], axis=1)
        return np.column_stack([there.real, there.imag, place[:, 2]]), quat_product(up, quat)


def _read_only(array: Array) -> Array:
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
