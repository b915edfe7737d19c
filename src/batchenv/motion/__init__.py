"""Motion: what a walker follows. Clips, readers and writers of motion files, and what is done with clips."""

from batchenv.motion import readers
from batchenv.motion.clip import Clip
from batchenv.motion.clip_file import load_clip, save_clip
from batchenv.motion.fit import common_clip, fit_clip
from batchenv.motion.registry import Reader, ReadOptions, read_motion, register_reader
from batchenv.motion.steps import Steps, import_motion
from batchenv.motion.writers import write_motion

__all__ = [
    "Clip",
    "ReadOptions",
    "Reader",
    "Steps",
    "common_clip",
    "fit_clip",
    "import_motion",
    "load_clip",
    "read_motion",
    "readers",
    "register_reader",
    "save_clip",
    "write_motion",
]
