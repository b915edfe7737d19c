"""What an import found in GaitNet's files, as lines to read and as plain data."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from batchenv.body.gaitnet.follow import Follow
from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.symmetry import Asymmetry, asymmetries
from batchenv.body.gaitnet.tendons import TendonPaths

_WORST = 5
_UNITS = {"size": "m", "centre of mass": "m", "joint": "m", "way-points": "m", "limits": "rad"}


@dataclass(frozen=True)
class ImportReport:
    """Findings of an import.

    Attributes:
        bodies: names.
        joints: number of joints of each type.
        dofs: number of coordinates.
        mass: [kg].
        muscles: number of muscles.
        way_points: number of them, and how many are blended over bodies.
        dropped: muscles that are left out, a sentence each.
        remarks: what is odd about the files, a sentence each.
        asymmetries: differences between left and right.
        tendon_errors: of the tendons by muscle with blended way-points: largest and root mean square
            difference of length, then of moment arms [m].
        motion: how well the body follows one, if one was given.
    """

    bodies: tuple[str, ...]
    joints: dict[str, int]
    dofs: int
    mass: float
    muscles: int
    way_points: tuple[int, int]
    dropped: tuple[str, ...]
    remarks: tuple[str, ...]
    asymmetries: tuple[Asymmetry, ...]
    tendon_errors: dict[str, tuple[float, float, float, float]]
    motion: Follow | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        data = asdict(self)
        data["asymmetries"] = [item._asdict() for item in self.asymmetries]
        return data

    def lines(self) -> list[str]:
        """Return the findings, a line each."""
        joints = ", ".join(f"{count} {kind}" for kind, count in self.joints.items())
        total, blended = self.way_points
        lines = [
            f"{len(self.bodies)} bodies, {self.mass:.1f} kg: {', '.join(self.bodies)}",
            f"joints: {joints}; {self.dofs} degrees of freedom",
            f"{self.muscles} muscles, {len(self.dropped)} left out",
            f"{total} way-points, {blended} blended over bodies",
            *(f"left out: {sentence}" for sentence in self.dropped),
            *(f"remark: {sentence}" for sentence in self.remarks),
            *self._symmetry_lines(),
            *self._tendon_lines(),
        ]
        return lines + (self.motion.lines() if self.motion else [])

    def _symmetry_lines(self) -> list[str]:
        if not self.asymmetries:
            return ["left and right are mirror images"]
        worst = sorted(self.asymmetries, key=lambda item: -item.amount)
        lines = [f"left and right differ in {len(worst)} places"]
        for item in worst[: 2 * _WORST]:
            lines.append(
                f"  {item.name}: {item.what}, {item.amount:.3g} {_UNITS.get(item.what, '')}".rstrip()
            )
        return lines + ["  ..."] * (len(worst) > 2 * _WORST)

    def _tendon_lines(self) -> list[str]:
        if not self.tendon_errors:
            return ["tendons: the same paths, for no way-point is blended"]
        errors = 1000 * np.array(list(self.tendon_errors.values()))
        names = list(self.tendon_errors)
        lines = [
            f"tendons: {len(names)} muscles have blended way-points, which a tendon has on one body each;",
            f"  over the ranges of all joints their lengths differ by {_rms(errors[:, 1]):.1f} mm and their"
            f" moment arms by {_rms(errors[:, 3]):.1f} mm (root mean squares); the worst:",
        ]
        for k in np.argsort(-errors[:, 2])[:_WORST]:
            length, _, arm, _ = errors[k]
            lines.append(f"  {names[k]}: length up to {length:.0f} mm, moment arm up to {arm:.0f} mm")
        return lines


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def import_report(body: GaitNetBody, tendons: TendonPaths, motion: Follow | None = None) -> ImportReport:
    """Gather what there is to say about a body, its tendons and, where one is given, a motion."""
    skeleton, paths = body.skeleton, body.paths
    blended = np.diff(paths.entry_ptr) > 1
    errors = np.stack(
        [tendons.length_error, tendons.mean_length_error, tendons.arm_error, tendons.mean_arm_error], axis=1
    )
    kinds = sorted(set(skeleton.joint_type))
    return ImportReport(
        bodies=skeleton.names,
        joints={kind: skeleton.joint_type.count(kind) for kind in kinds},
        dofs=skeleton.num_dof,
        mass=body.mass,
        muscles=len(paths.names),
        way_points=(len(blended), int(blended.sum())),
        dropped=paths.dropped,
        remarks=(*skeleton.remarks, *paths.remarks),
        asymmetries=tuple(asymmetries(body)),
        tendon_errors={
            paths.names[m]: tuple(errors[m].tolist()) for m in np.unique(paths.anchor_muscle[blended])
        },
        motion=motion,
    )
