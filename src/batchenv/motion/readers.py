"""The formats that motions are read from."""

from pathlib import Path

from batchenv.motion.asf import read_amc
from batchenv.motion.bvh import read_bvh_clip
from batchenv.motion.clip import Clip
from batchenv.motion.clip_file import is_clip_file, load_clip
from batchenv.motion.csv_clip import read_csv
from batchenv.motion.gaitnet import GAITNET_SUFFIXES, is_gaitnet_motion, read_gaitnet
from batchenv.motion.loco_mujoco import is_loco_mujoco, read_loco_mujoco
from batchenv.motion.markers import read_c3d, read_trc
from batchenv.motion.opensim import read_opensim
from batchenv.motion.opensim_table import OPENSIM_SUFFIXES
from batchenv.motion.registry import Reader, ReadOptions, register_reader


def _read_clip_file(path: Path, options: ReadOptions) -> Clip:
    return load_clip(path)


_TREE = ("unit", "rest_frame", "joints")

for _reader in (
    Reader("a motion of OpenSim", OPENSIM_SUFFIXES, read_opensim, heeds=()),
    Reader("CSV", (".csv",), read_csv, heeds=("episode",)),
    Reader("BVH", (".bvh",), read_bvh_clip, heeds=_TREE),
    Reader("AMC with its ASF", (".amc",), read_amc, heeds=("skeleton", "rate", *_TREE)),
    Reader(
        "a motion of GaitNet, with an array 'motions'",
        GAITNET_SUFFIXES,
        read_gaitnet,
        is_gaitnet_motion,
        heeds=("skeleton", *_TREE),
    ),
    Reader(
        "a trajectory of LocoMuJoCo, with 'qpos'",
        (".npz",),
        read_loco_mujoco,
        is_loco_mujoco,
        heeds=("rate", "episode"),
    ),
    Reader("a clip of batchenv", (".npz",), _read_clip_file, is_clip_file, heeds=()),
    Reader("markers, TRC", (".trc",), read_trc, heeds=("up",)),
    Reader("markers, C3D", (".c3d",), read_c3d, heeds=("up",)),
):
    register_reader(_reader)
