"""The formats that recordings are written in, by the ending of the file's name."""

from collections.abc import Callable, Collection
from pathlib import Path

from batchenv.errors import InputError
from batchenv.evaluate.c3d_output import MOST_FRAMES, c3d_module, save_c3d
from batchenv.evaluate.csv_output import save_csv
from batchenv.evaluate.opensim_output import save_mot, save_sto
from batchenv.evaluate.recording import Recording, check_recording, save_npz
from batchenv.files import check_output_file
from batchenv.files.paths import checked_path

WRITERS: dict[str, Callable[[Recording, Path], list[Path]]] = {
    ".mot": save_mot,
    ".sto": save_sto,
    ".csv": save_csv,
    ".c3d": save_c3d,
}
# Arrays without which nothing can be written.
_NEEDED = {".mot": ("root_quat", "cop", "free_moment"), ".c3d": ("cop", "free_moment")}


def save_recording(recording: Recording, path: str | Path) -> list[Path]:
    """Write a recording as .npz, .mot, .sto, .csv or .c3d; docs/files.md says what each of them holds.

    Args:
        recording: what to write.
        path: its name's ending says which format.

    Returns:
        The files; those of OpenSim are several.

    Raises:
        InputError: it is no recording, or lacks what the format needs, or the ending is another.
        OutputError: a file cannot be written.
        UsageError: .c3d needs ezc3d, which is not installed.
    """
    check_recording(recording)
    path = check_format(path)
    if path.suffix == ".npz":
        save_npz(recording, path)
        return [path]
    return WRITERS[path.suffix](recording, path)


def check_format(path: str | Path) -> Path:
    """Return the path of a file that `save_recording` may write.

    Raises:
        InputError, OutputError, UsageError: as `save_recording`; nothing is written.
    """
    path = checked_path("path", path)
    if path.suffix not in (".npz", *WRITERS):
        raise InputError(f"{path}: expected a name that ends with {', '.join(('.npz', *WRITERS))}")
    check_output_file(path)
    if path.suffix == ".c3d":
        c3d_module()
    return path


def check_samples(path: Path, names: Collection[str], frames: int) -> None:
    """Refuse a walk that a format cannot hold, before it is walked.

    Args:
        path: of the file.
        names: of the arrays that are recorded.
        frames: samples of an episode.

    Raises:
        InputError: an array is missing, or there are too many samples.
    """
    missing = [name for name in _NEEDED.get(path.suffix, ()) if name not in names]
    if missing:
        raise InputError(f"{path}: recordings of this body lack {', '.join(missing)}; write .h5 or .csv")
    if path.suffix == ".c3d" and frames > MOST_FRAMES:
        raise InputError(
            f"{path}: the walk has {frames:,} samples, and C3D holds {MOST_FRAMES:,} at most; ask for fewer "
            "strides, or write .h5"
        )
