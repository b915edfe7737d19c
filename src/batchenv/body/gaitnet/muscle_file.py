"""Reading of GaitNet's muscles, XML or YAML, and their binding to the bodies of a skeleton: `MusclePaths`."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.document import Element, read_document
from batchenv.body.gaitnet.foot_meshes import FootMeshes
from batchenv.body.gaitnet.kinematics import frames
from batchenv.body.gaitnet.muscle_paths import MusclePaths, muscle_twin
from batchenv.body.gaitnet.path_geometry import anchor_positions, length_gradients, path_lengths
from batchenv.body.gaitnet.shapes import bounding_box
from batchenv.body.gaitnet.skeleton import Skeleton, inverse
from batchenv.errors import BodyError, nearest

# Within this distance of a joint an anchor is blended over the two bodies of the joint [m].
BLEND_DISTANCE = 0.08
# Moment arms smaller than this, times the force [Nm], make no coordinate a related one.
_RELATED = 1e-10
_SAME_PLACE = 1e-9
# How far apart the bodies of an anchor may have it in the zero pose before the file is worth a remark [m].
_APART = 0.01
_ROOT_DOFS = 6
_MOST_FORCE = 1e5
_MOST_MUSCLES, _MOST_WAYPOINTS, _MOST_BODIES = 1000, 64, 8

_log = logging.getLogger(__name__)

Binding = list[tuple[int, float, np.ndarray]]


@dataclass
class _Unit:
    """A muscle of the file: its element, and for each anchor (body, weight, place in the body)."""

    element: Element
    name: str
    anchors: list[Binding]


def load_muscles(
    file: str | Path, skeleton: Skeleton, *, drop: bool = False, mesh_weights: bool = False
) -> MusclePaths:
    """Read muscles and bind them to a skeleton.

    Args:
        file: GaitNet's XML, whose way-points are points of the zero pose, or YAML, whose way-points are
            places in bodies, as multiples of the edges of the box around each.
        skeleton: whose bodies they name.
        drop: leave out muscles that name an unknown body or cross no joint, as GaitNet does;
            `MusclePaths.dropped` lists them. Else they are errors.
        mesh_weights: weight the way-points of muscles of the feet by their distances to the meshes of the
            bodies instead of to the joints, as GaitNet's mesh_lbs_weight; YAML has weights of its own.

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    root = read_document(file)
    elements = root.all("unit") or root.all("muscles")
    if root.tag not in ("muscle", "document") or not elements:
        raise root.error(
            f"the outermost element is {root.tag!r}; expected 'Muscle' with a Unit for each muscle."
        )
    if len(elements) > _MOST_MUSCLES:
        raise root.error(f"the file has {len(elements)} muscles; expected at most {_MOST_MUSCLES}.")
    meshes = FootMeshes(skeleton) if mesh_weights else None
    units, dropped = _read_units(elements, skeleton, drop, meshes)
    remarks = [*_copy_right_to_left(units), *_apart(units, skeleton)]
    if not root.single and any(
        {"pen_angle", "type1_fraction"} & unit.element.values.keys() for unit in units
    ):
        remarks.append(
            f"{root.file}: pen_angle and type1_fraction have no effect in YAML, as in the original."
        )
        _log.warning(remarks[-1])
    if root.stray:
        remarks.append(f"{root.file}: {root.stray!r} stands before the first element and is left out.")
        _log.warning(remarks[-1])
    if not units:
        raise root.error("no muscle is left.")
    paths = _assemble(units)
    _check_steps(paths, units, skeleton)
    crossing, sentences = _crossing(paths, units, skeleton, drop)
    if sentences:
        dropped += sentences
        paths = _assemble([unit for unit, kept in zip(units, crossing, strict=True) if kept])
    if not paths.names:
        raise root.error("no muscle is left." if dropped else "the file has no muscles.")
    return replace(_with_lengths(paths, skeleton), dropped=tuple(dropped), remarks=tuple(remarks))


def _read_units(
    elements: list[Element], skeleton: Skeleton, drop: bool, meshes: FootMeshes | None
) -> tuple[list[_Unit], list[str]]:
    units: dict[str, _Unit] = {}
    dropped = []
    for element in elements:
        element.tag = "muscle"
        name = element.text("name")
        if name in units:
            first = units[name].element.line
            raise element.error(
                f"there is a second muscle {name!r}, the first in line {first}; names have to differ."
            )
        waypoints = element.all("waypoint") or element.all("waypoints")
        if not 2 <= len(waypoints) <= _MOST_WAYPOINTS:
            expected = "at least 2" if len(waypoints) < 2 else f"at most {_MOST_WAYPOINTS}"
            raise element.error(f"muscle {name!r} has {len(waypoints)} way-points; expected {expected}.")
        for waypoint in waypoints:
            if len(waypoint.children) > _MOST_BODIES:
                raise waypoint.error(
                    f"an anchor of muscle {name!r} is on {len(waypoint.children)} bodies; expected at most"
                    f" {_MOST_BODIES}."
                )
        unknown = _unknown_body(waypoints, name, skeleton)
        if unknown and not drop:
            raise unknown
        if unknown:
            dropped.append(f"{name}: {unknown}")
            continue
        if waypoints[0].children:
            anchors = _bind_places(waypoints, name, skeleton)
        else:
            anchors = _bind_points(waypoints, name, skeleton, meshes)
        units[name] = _Unit(element, name, anchors)
    return list(units.values()), dropped


def _unknown_body(waypoints: list[Element], muscle: str, skeleton: Skeleton) -> BodyError | None:
    for place in (place for waypoint in waypoints for place in waypoint.children or [waypoint]):
        body = place.text("body")
        if body not in skeleton.names:
            return place.error(
                f"body = {body!r} of muscle {muscle!r}: the skeleton has no such body."
                f"{nearest(body, skeleton.names)} Bodies: {', '.join(skeleton.names)}."
            )
    return None


def _bind_points(
    waypoints: list[Element], muscle: str, skeleton: Skeleton, meshes: FootMeshes | None
) -> list[Binding]:
    """Bind points of the zero pose: the ends to the body they name, others blended where near a joint."""
    if meshes is not None and not any(FootMeshes.FOOT in point.text("body") for point in waypoints):
        meshes = None
    points = [waypoint.numbers("p", 3) for waypoint in waypoints]
    for waypoint, before, point in zip(waypoints[1:], points, points[1:], strict=False):
        if np.linalg.norm(point - before) < _SAME_PLACE:
            raise waypoint.error(
                f"two way-points of muscle {muscle!r} are at one place; expected a way between them."
            )
    bindings = []
    for i, (waypoint, point) in enumerate(zip(waypoints, points, strict=True)):
        shares = _blend(point, skeleton, meshes) if 0 < i < len(points) - 1 else []
        shares = shares or [(skeleton.index(waypoint.text("body")), 1.0)]
        bindings.append([(body, weight, _in_body(point, body, skeleton)) for body, weight in shares])
    return bindings


def _blend(point: np.ndarray, skeleton: Skeleton, meshes: FootMeshes | None) -> list[tuple[int, float]]:
    """Return the bodies and shares of a point near a joint, or nothing.

    Of the joint's two bodies each has a share like one over the square root of the distance to its own joint,
    or to its mesh.
    """
    distance = np.linalg.norm(skeleton.T_joint[:, :3, 3] - point, axis=1)
    child = int(distance.argmin())
    if distance[child] >= BLEND_DISTANCE:
        return []
    bodies = [child, int(skeleton.parent[child])] if skeleton.parent[child] >= 0 else [child]
    far = distance[bodies] if meshes is None else np.array([meshes.distance(b, point) for b in bodies])
    share = 1 / np.sqrt(np.maximum(far, _SAME_PLACE))
    return list(zip(bodies, (share / share.sum()).tolist(), strict=True))


def _in_body(point: np.ndarray, body: int, skeleton: Skeleton) -> np.ndarray:
    transform = inverse(skeleton.T_body[body])
    return transform[:3, :3] @ point + transform[:3, 3]


def _bind_places(waypoints: list[Element], muscle: str, skeleton: Skeleton) -> list[Binding]:
    """Bind places in bodies, each with its share of the anchor."""
    bindings = []
    for waypoint in waypoints:
        binding = []
        for place in waypoint.children:
            body = skeleton.index(place.text("body"))
            edges = bounding_box(skeleton.shape[body], skeleton.size[body])
            binding.append((body, place.number("w", least=0, default=1.0), place.numbers("p", 3) * edges))
        total = sum(weight for _, weight, _ in binding)
        if abs(total - 1) > 0.01:
            raise waypoint.error(
                f"the weights w of an anchor of muscle {muscle!r} sum up to {total:g}; expected 1."
            )
        bindings.append([(body, weight / total, place) for body, weight, place in binding])
    return bindings


def _copy_right_to_left(units: list[_Unit]) -> list[str]:
    """Give each left muscle the weights of its right twin, as GaitNet does; return remarks."""
    by_name = {unit.name: unit for unit in units}
    remarks = []
    for unit in units:
        twin = by_name.get(muscle_twin(unit.name))
        if twin is None or not unit.name.startswith("L_"):
            continue
        if [len(anchor) for anchor in unit.anchors] != [len(anchor) for anchor in twin.anchors]:
            remarks.append(
                f"{unit.name} and {twin.name} differ in how many bodies carry them; both keep their weights."
            )
            continue
        for mine, theirs in zip(unit.anchors, twin.anchors, strict=True):
            mine[:] = [
                (body, weight, place) for (body, _, place), (_, weight, _) in zip(mine, theirs, strict=True)
            ]
    return remarks


def _apart(units: list[_Unit], skeleton: Skeleton) -> list[str]:
    """Return a remark where bodies of one anchor have it at different places in the zero pose."""
    apart = {}
    for unit in units:
        for anchor in unit.anchors:
            where = [skeleton.T_body[body][:3] @ [*place, 1.0] for body, _, place in anchor]
            apart[unit.name] = max(apart.get(unit.name, 0.0), float(np.ptp(where, axis=0).max()))
    far = {name: distance for name, distance in apart.items() if distance > _APART}
    if not far:
        return []
    worst = max(far, key=lambda name: far[name])
    return [
        f"{len(far)} muscles have anchors that their bodies see at different places in the zero pose, {worst}"
        f" by {1000 * far[worst]:.0f} mm. Were they made for another skeleton, or are their p in metres?"
    ]


def _assemble(units: list[_Unit]) -> MusclePaths:
    """Return the arrays that follow from the file alone; lengths and related coordinates are still empty."""
    anchors = [anchor for unit in units for anchor in unit.anchors]
    entries = [entry for anchor in anchors for entry in anchor]
    elements = [unit.element for unit in units]
    return MusclePaths(
        names=tuple(unit.name for unit in units),
        f0=np.array([element.number("f0", above=0, most=_MOST_FORCE) for element in elements]),
        lm=np.array(
            [element.number("lm", "lm_contract", above=0, least=0.001, most=10) for element in elements]
        ),
        lt=np.array([element.number("lt", "lt_rel", least=0, below=1) for element in elements]),
        pen=np.array([_pennation(element) for element in elements]),
        type1=np.array([_share(element) for element in elements]),
        lmt_ref=np.zeros(len(units)),
        mass=np.zeros(len(units)),
        anchor_ptr=_offsets([len(unit.anchors) for unit in units]),
        entry_ptr=_offsets([len(anchor) for anchor in anchors]),
        entry_body=np.array([body for body, _, _ in entries], np.int32),
        entry_weight=np.array([weight for _, weight, _ in entries]),
        entry_pos=np.array([place for _, _, place in entries]).reshape(-1, 3),
        related_ptr=np.zeros(len(units) + 1, np.int32),
        related_dof=np.zeros(0, np.int32),
    )


def _pennation(element: Element) -> float:
    """Return the pennation angle [rad]; a right angle, or one in degrees, would pull at nothing.

    GaitNet reads neither it nor the share of slow fibres from YAML.
    """
    if not element.single:
        return 0.0
    return element.number("pen_angle", least=0, below=1.5, default=0.0)


def _share(element: Element) -> float:
    return element.number("type1_fraction", least=0, most=1, default=0.5) if element.single else 0.5


def _offsets(counts: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int32)]).astype(np.int32)


def _crossing(
    paths: MusclePaths, units: list[_Unit], skeleton: Skeleton, drop: bool
) -> tuple[list[bool], list[str]]:
    """Return which muscles cross a joint, and a sentence for each that does not."""
    moves = [bool(row.any()) for row in _related(paths, skeleton)]
    sentences = []
    for unit, moved in zip(units, moves, strict=True):
        if moved:
            continue
        error = unit.element.error(
            f"muscle {unit.name!r} crosses no joint; expected way-points on both sides of one."
        )
        if not drop:
            raise error
        sentences.append(f"{unit.name}: {error}")
    return moves, sentences


def _check_steps(paths: MusclePaths, units: list[_Unit], skeleton: Skeleton) -> None:
    """BodyError where two neighbouring way-points are at one place in the zero pose."""
    zero = frames(skeleton, np.zeros((1, skeleton.num_dof)))
    steps = np.linalg.norm(np.diff(anchor_positions(paths, zero)[0], axis=0), axis=1)
    steps[paths.anchor_ptr[1:-1] - 1] = np.inf
    for step in np.flatnonzero(steps < _SAME_PLACE)[:1]:
        unit = units[int(paths.anchor_muscle[step])]
        raise unit.element.error(
            f"two way-points of muscle {unit.name!r} are at one place; expected a way between them."
        )


def _related(paths: MusclePaths, skeleton: Skeleton) -> np.ndarray:
    """Return which coordinates feel each muscle in the zero pose, as GaitNet applies forces (M, D)."""
    zero = frames(skeleton, np.zeros((1, skeleton.num_dof)))
    torque = paths.f0[:, None] * length_gradients(skeleton, paths, zero, first_body=True)[0]
    return (np.abs(torque) > _RELATED) & (np.arange(skeleton.num_dof) >= _ROOT_DOFS)


def _with_lengths(paths: MusclePaths, skeleton: Skeleton) -> MusclePaths:
    zero = frames(skeleton, np.zeros((1, skeleton.num_dof)))
    length = path_lengths(paths, anchor_positions(paths, zero))[0]
    related = _related(paths, skeleton)
    return replace(
        paths,
        lmt_ref=length,
        mass=paths.f0 * (1 - paths.lt) * length / 100,
        related_ptr=_offsets(related.sum(axis=1).tolist()),
        related_dof=np.nonzero(related)[1].astype(np.int32),
    )
