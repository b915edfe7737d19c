"""Motion: what a walker follows. Clips, readers and writers of motion files, and what is done with clips."""

from batchenv.motion.clip import Clip

__all__ = ["Clip"]
