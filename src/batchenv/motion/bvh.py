"""BVH files: read into clips by tables of joints, and written from clips."""

from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.bvh import Bvh, read_bvh
from batchenv.body.gaitnet.rotations import matrix_from_quat
from batchenv.errors import ConfigError, InputError
from batchenv.files import write_atomically
from batchenv.motion.clip import Clip
from batchenv.motion.hierarchy import Hierarchy, clip_of_hierarchy
from batchenv.motion.registry import ReadOptions
from batchenv.motion.rotations import rotation_about
from batchenv.motion.segments import HIP_ASIDE, HIP_IN_PELVIS, LEG_LENGTH, SEGMENTS, axis_of

Array = np.ndarray

# Forward, left, up of a clip along z, x, y of the files that we write, in centimetres.
_AXES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
_CENTIMETRES = 100.0
_NAMES = {
    "femur": "UpLeg",
    "tibia": "Leg",
    "foot": "Foot",
    "toes": "ToeBase",
    "humerus": "Arm",
    "ulna": "ForeArm",
    "hand": "Hand",
}
# Places of joints in their parents' frame [m], forward, left, up; those of the left side are the mirror
# images.
_OFFSETS = {
    "torso": (-0.10, 0.0, 0.08),
    "femur": (HIP_IN_PELVIS[0], -HIP_ASIDE, HIP_IN_PELVIS[2]),
    "tibia": (0.0, 0.0, -0.5 * LEG_LENGTH),
    "foot": (0.0, 0.0, -0.5 * LEG_LENGTH),
    "toes": (0.13, 0.0, -0.04),
    "humerus": (0.0, -0.17, 0.37),
    "ulna": (0.0, 0.0, -0.29),
    "hand": (0.0, 0.0, -0.25),
}
_ENDS = {"toes": (0.07, 0.0, 0.0), "hand": (0.0, 0.0, -0.1), "torso": (0.0, 0.0, 0.6)}


def read_bvh_clip(path: Path, options: ReadOptions) -> Clip:
    """Read a BVH file: channels in any order, end sites or none, in the unit that makes its legs a human's.

    Raises:
        InputError: the file is damaged, or lacks a joint; says the line, or what joints there are.
    """
    try:
        bvh = read_bvh(path)
    except ConfigError as error:
        raise InputError(str(error)) from None
    return clip_of_hierarchy(_hierarchy(bvh), options)


def _hierarchy(bvh: Bvh) -> Hierarchy:
    count = len(bvh.values)
    turns = np.empty((count, len(bvh.joints), 3, 3))
    places = np.empty((count, len(bvh.joints), 3))
    rest = np.empty((len(bvh.joints), 3))
    for i, joint in enumerate(bvh.joints):
        turn, shift = bvh.rotations(joint.name), bvh.positions(joint.name)
        if joint.parent < 0:
            turns[:, i], places[:, i], rest[i] = turn, shift, joint.offset
        else:
            above = turns[:, joint.parent]
            turns[:, i] = above @ turn
            places[:, i] = places[:, joint.parent] + (above @ shift[..., None])[..., 0]
            rest[i] = rest[joint.parent] + joint.offset
    names = tuple(joint.name for joint in bvh.joints)
    return Hierarchy(bvh.file, bvh.frame_time * np.arange(count), names, rest, turns, places)


def write_bvh(clip: Clip, path: Path) -> list[str]:
    """Write a clip of common names as BVH: names as Mixamo's, y up, z forward, centimetres.

    The clip is brought to even steps, where its samples are none. A BVH file begins at the time 0.

    Returns:
        Joints of the clip that the skeleton of the file has not, and that were left out.

    Raises:
        InputError: the clip has none of the joints of the legs.
        OutputError: the file cannot be written.
    """
    steps = np.diff(clip.times)
    clip = clip if np.ptp(steps) < 1e-6 * steps.mean() else clip.resampled(clip.rate)
    known = {coordinate for segment in SEGMENTS.values() for coordinate in segment.coordinates}
    if not known & set(clip.joint_names):
        raise InputError(f"{path}: the clip has no joint of a BVH skeleton, such as hip_flexion_r")
    lines, columns = ["HIERARCHY"], []
    _write_joint("pelvis", 0, clip, lines, columns)
    values = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {clip.duration / (len(values) - 1):.12g}"]
    rows = ("\n".join(" ".join(f"{value:.8f}" for value in row) for row in values)).encode()
    head = ("\n".join(lines) + "\n").encode()
    write_atomically(path, lambda file: file.write(head + rows + b"\n"))
    return [name for name in clip.joint_names if name not in known]


def _write_joint(segment: str, depth: int, clip: Clip, lines: list[str], columns: list[Array]) -> None:
    """Append a joint, its values (T, 3) or (T, 6) and all below it."""
    indent, bare, side = "  " * depth, segment.split("_")[0], segment[-2:]
    name = {"pelvis": "Hips", "torso": "Spine"}.get(segment) or (
        {"_r": "Right", "_l": "Left"}[side] + _NAMES[bare]
    )
    channels = "3 Zrotation Xrotation Yrotation"
    turn = _turn(segment, clip)
    offset = np.zeros(3)
    if segment == "pelvis":
        channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        columns.append(_CENTIMETRES * clip.root_pos @ _AXES.T)
    else:
        offset = _sided(_OFFSETS[bare], side)
    columns.append(np.degrees(_euler_zxy(_AXES @ turn @ _AXES.T)))
    lines += [
        f"{indent}{'ROOT' if segment == 'pelvis' else 'JOINT'} {name}",
        f"{indent}{{",
        f"{indent}  OFFSET {_centimetres(offset)}",
        f"{indent}  CHANNELS {channels}",
    ]
    for child, other in SEGMENTS.items():
        if other.parent == segment:
            _write_joint(child, depth + 1, clip, lines, columns)
    if bare in _ENDS:
        end = _centimetres(_sided(_ENDS[bare], side))
        lines += [f"{indent}  End Site", f"{indent}  {{", f"{indent}    OFFSET {end}", f"{indent}  }}"]
    lines.append(f"{indent}}}")


def _turn(segment: str, clip: Clip) -> Array:
    """Rotations (T, 3, 3) of a segment in its parent; of the root in the world."""
    if segment == "pelvis":
        return matrix_from_quat(clip.root_quat)
    coordinates, zero = SEGMENTS[segment].coordinates, SEGMENTS[segment].zero
    angles = np.zeros((len(clip.times), len(coordinates)))
    for k, name in enumerate(coordinates):
        if name in clip.joint_names:
            angles[:, k] = clip.joint(name) - (zero if k == len(coordinates) - 1 else 0.0)
    return rotation_about(np.array([axis_of(name) for name in coordinates]).reshape(-1, 3), angles)


def _euler_zxy(matrix: Array) -> Array:
    """Angles (T, 3) [rad] about z, then x, then y, of rotations (T, 3, 3): R = Rz Rx Ry."""
    x = np.arcsin(np.clip(matrix[:, 2, 1], -1.0, 1.0))
    z = np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1])
    y = np.arctan2(-matrix[:, 2, 0], matrix[:, 2, 2])
    return np.stack([z, x, y], axis=1)


def _sided(place: tuple[float, float, float], side: str) -> Array:
    return np.array(place) * (1.0, -1.0 if side == "_l" else 1.0, 1.0)


def _centimetres(place: Array) -> str:
    return " ".join(f"{value:.6f}" for value in _CENTIMETRES * _AXES @ place)
