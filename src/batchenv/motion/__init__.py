"""Motion: what a walker follows. Clips, readers and writers of motion files, and what is done with clips."""

from batchenv.motion import readers
from batchenv.motion.clip import Clip
from batchenv.motion.clip_file import load_clip, save_clip
from batchenv.motion.registry import Reader, ReadOptions, read_motion, register_reader

__all__ = [
    "Clip",
    "ReadOptions",
    "Reader",
    "load_clip",
    "read_motion",
    "readers",
    "register_reader",
    "save_clip",
]
