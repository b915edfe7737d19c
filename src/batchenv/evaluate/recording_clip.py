"""Recordings as clips: importing this module lets `read_motion` read them."""

from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.recording_file import load_recording
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES
from batchenv.motion import Clip, Reader, ReadOptions, register_reader
from batchenv.motion.archives import holds_arrays

_FORCES = ("grf", "cop", "free_moment")


def clip_of_recording(recording: Recording, episode: int = 0, source: str = "a recording") -> Clip:
    """Return one episode of a recording as a clip of common names and frame.

    Raises:
        InputError: there is no such episode, or the recording lacks the orientation of the pelvis.
    """
    episodes = dict(recording.episodes())
    if episode not in episodes:
        raise InputError(
            f"{source}: episode {episode}; it holds the episodes {', '.join(map(str, episodes))}"
        )
    if not recording.measured("root_quat"):
        raise InputError(f"{source}: lacks 'root_quat', the orientation of the pelvis")
    rows = episodes[episode]
    quat = recording.root_quat[rows].astype(float)
    return Clip(
        times=recording.time[rows],
        joint_names=tuple(recording.joint_names),
        joint_pos=recording.joint_pos[rows],
        root_pos=recording.root_pos[rows],
        root_quat=quat / np.linalg.norm(quat, axis=1, keepdims=True),
        source=source,
        forces={name: getattr(recording, name)[rows] for name in _FORCES if recording.measured(name)},
    )


def _is_recording(path: Path) -> bool:
    return holds_arrays(path, ("joint_pos", "root_pos", "grf"))


def _read(path: Path, options: ReadOptions) -> Clip:
    return clip_of_recording(load_recording(path), options.episode, str(path))


register_reader(
    Reader("a recording of batchenv", (".npz", *HDF5_SUFFIXES), _read, _is_recording, heeds=("episode",))
)
