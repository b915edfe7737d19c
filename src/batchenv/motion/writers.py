"""The formats that clips are written in, by the ending of the file's name."""

import logging
from collections.abc import Callable
from pathlib import Path

from batchenv.body.body import Body
from batchenv.errors import InputError, nearest
from batchenv.files import check_output_file
from batchenv.files.paths import checked_path
from batchenv.motion.bvh import write_bvh
from batchenv.motion.clip import Clip
from batchenv.motion.clip_file import save_clip
from batchenv.motion.csv_clip import write_csv
from batchenv.motion.fit import common_clip
from batchenv.motion.opensim import write_opensim

_log = logging.getLogger(__name__)


def _write_bvh(clip: Clip, path: Path) -> None:
    left_out = write_bvh(clip, path)
    if left_out:
        _log.warning("%s: BVH has no joint for %s; they are left out", path, ", ".join(left_out))


WRITERS: dict[str, Callable[[Clip, Path], object]] = {
    ".npz": save_clip,
    ".mot": write_opensim,
    ".sto": write_opensim,
    ".bvh": _write_bvh,
    ".csv": write_csv,
}


def check_motion_file(path: str | Path) -> Path:
    """Return the path of a file that `write_motion` may write.

    Raises:
        InputError, OutputError: as `write_motion`; nothing is written.
    """
    path = checked_path("path", path)
    if path.suffix not in WRITERS:
        raise InputError(
            f"{path}: expected a name that ends with {', '.join(WRITERS)}.{nearest(path.suffix, WRITERS)}"
        )
    check_output_file(path)
    return path


def write_motion(clip: Clip, path: str | Path, body: Body | None = None) -> None:
    """Write a clip as .npz, batchenv's own, as .mot or .sto of OpenSim, as .bvh or .csv.

    Args:
        clip: fitted to a body or not; .npz keeps it as it is, all others hold common names and frame.
        path: its ending says which format.
        body: that the clip is fitted to; needed for a fitted clip in any format but .npz.

    Raises:
        InputError: the ending is another, the body is not the clip's, or the format cannot hold its joints.
        OutputError: the file cannot be written.
    """
    path = check_motion_file(path)
    if clip.body and path.suffix != ".npz":
        if body is None:
            raise InputError(
                f"{path}: the clip is fitted to {clip.body}; its body is needed, in Python as body="
            )
        clip = common_clip(clip, body)
    if not clip.joint_names and path.suffix != ".npz":
        raise InputError(f"{path}: the clip has no joints; only .npz keeps a clip of markers alone")
    WRITERS[path.suffix](clip, path)
