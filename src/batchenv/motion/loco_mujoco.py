"""Trajectories of LocoMuJoCo, NPZ: generalised positions with the names of their joints."""

from pathlib import Path

import mujoco
import numpy as np

from batchenv.arrays import shown
from batchenv.body.gaitnet.rotations import matrix_from_quat, quat_from_matrix
from batchenv.errors import InputError
from batchenv.files import read_npz
from batchenv.motion.clip import Clip
from batchenv.motion.opensim import clip_of_columns, coordinates, turn_knees
from batchenv.motion.registry import ReadOptions

Array = np.ndarray

_FREE, _BALL = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_BALL)
_NEEDED = ("qpos", "joint_names", "jnt_type", "frequency")
_OLD = "q_"  # before the names of the columns in archives older than version 1
_WALKED = 0.3  # after which the direction of travel is known [m]


def is_loco_mujoco(path: Path) -> bool:
    """Whether an NPZ file holds a trajectory of LocoMuJoCo, of version 1 or older."""
    names = read_npz(path, skip_objects=True)
    return "qpos" in names or any(name.startswith(_OLD) for name in names)


def read_loco_mujoco(path: Path, options: ReadOptions) -> Clip:
    """Read one trajectory, `options.episode`, of those in a file.

    Files older than version 1 do not say their rate: `options.rate` has to.

    Raises:
        InputError: an array is missing or has another shape, or there is no such trajectory.
    """
    arrays = read_npz(path, skip_objects=True)
    if "qpos" not in arrays:
        if options.rate is None:
            raise InputError(f"{path} does not say its rate; give it with --hz, in Python with rate= [Hz]")
        rate = options.rate
        columns = {
            name.removeprefix(_OLD): np.asarray(values, float)
            for name, values in arrays.items()
            if name.startswith(_OLD) and values.ndim == 1 and values.dtype.kind in "fiu"
        }
        root = None
    else:
        missing = [name for name in _NEEDED if name not in arrays]
        if missing:
            raise InputError(f"{path}: lacks {', '.join(missing)}; it has {', '.join(sorted(arrays)[:20])}")
        rate = _rate(path, arrays["frequency"]) if options.rate is None else options.rate
        columns, root = _columns(path, arrays)
    if not 1.0 <= rate <= 1e5:
        raise InputError(f"{path}: its rate is {rate:g} Hz; expected 1 to 1e5")
    rows = _rows(path, arrays.get("split_points"), options.episode, len(next(iter(columns.values()))))
    columns = {name: values[rows] for name, values in columns.items()}
    time = np.arange(rows.stop - rows.start) / rate
    if root is None:
        return clip_of_columns(time, coordinates(columns), str(path))
    joints = turn_knees(coordinates(columns), str(path))
    return Clip(
        times=time,
        joint_names=tuple(joints),
        joint_pos=np.stack(list(joints.values()), axis=1),
        root_pos=root[rows, :3],
        root_quat=quat_from_matrix(_upright(root[rows])),
        source=str(path),
    )


def _columns(path: Path, arrays: dict[str, Array]) -> tuple[dict[str, Array], Array | None]:
    """Positions (n,) of hinges and slides by name, and those of the free joint (n, 7)."""
    qpos, names = arrays["qpos"], [str(name) for name in arrays["joint_names"].ravel()]
    kinds = arrays["jnt_type"].ravel()
    if qpos.dtype.kind not in "fiu" or kinds.dtype.kind not in "iu":
        raise InputError(f"{path}: qpos and jnt_type hold {qpos.dtype} and {kinds.dtype}; expected numbers")
    sizes = [{_FREE: 7, _BALL: 4}.get(kind, 1) for kind in kinds.tolist()]
    if qpos.ndim != 2 or len(kinds) != len(names) or sum(sizes) != qpos.shape[-1]:
        raise InputError(
            f"{path}: qpos has the shape {qpos.shape}, and there are {len(names)} names of joints that take"
            f" {sum(sizes)} numbers"
        )
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: joint {repeated[0]!r} occurs twice in joint_names")
    if not np.isfinite(qpos).all():
        raise InputError(f"{path}: qpos is not finite in row {np.argwhere(~np.isfinite(qpos))[0][0]}")
    columns, root, at = {}, None, 0
    for name, kind, size in zip(names, kinds.tolist(), sizes, strict=True):
        if kind == _FREE:
            root = qpos[:, at : at + 7].astype(float)
            if not np.linalg.norm(root[:, 3:], axis=1).all():
                raise InputError(
                    f"{path}: the orientation of its free joint is four zeros; expected a quaternion"
                )
        elif size == 1:
            columns[name] = qpos[:, at].astype(float)
        at += size
    if not columns:
        raise InputError(f"{path}: none of its joints is a hinge or a slide")
    return columns, root


def _rate(path: Path, frequency: Array) -> float:
    if frequency.size != 1 or frequency.dtype.kind not in "fiu":
        raise InputError(f"{path}: frequency is {frequency.ravel()[:3].tolist()}; expected a number [Hz]")
    return float(frequency.item())


def _rows(path: Path, splits: Array | None, episode: int, count: int) -> slice:
    if splits is not None and not (splits.dtype.kind in "fiu" and np.isfinite(splits).all()):
        raise InputError(
            f"{path}: split_points are {shown(splits.ravel()[:6].tolist())}; expected numbers of samples"
        )
    ends = [0, count] if splits is None or splits.size < 2 else [int(each) for each in splits.ravel()]
    if not 0 <= episode < len(ends) - 1:
        raise InputError(f"{path}: trajectory {episode}; it holds the trajectories 0 to {len(ends) - 2}")
    if not 0 <= ends[episode] < ends[episode + 1] - 1 < count:
        raise InputError(f"{path}: split_points are {ends[:6]}, and there are {count} samples")
    return slice(ends[episode], ends[episode + 1])


def _upright(root: Array) -> Array:
    """Rotations (T, 3, 3) of the pelvis, whatever axes of its body are forward and up.

    Up is the axis that points up in the mean; forward that which the body travels along, or where it stands
    the axis x.
    """
    turns = matrix_from_quat(root[:, 3:] / np.linalg.norm(root[:, 3:], axis=1, keepdims=True))
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    up = axes[np.argmax((turns @ axes.T)[:, 2].mean(axis=0))]
    travel = root[-1, :3] - root[0, :3]
    level = axes[np.abs(axes @ up) < 0.5]
    forward = level[0]
    if np.hypot(travel[0], travel[1]) > _WALKED:
        forward = level[np.argmax(travel[:2] @ (turns @ level.T).mean(axis=0)[:2])]
    return turns @ np.stack([forward, np.cross(up, forward), up], axis=1)
