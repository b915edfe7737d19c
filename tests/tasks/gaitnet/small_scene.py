"""GaitNet's task on a small body, with files written for it."""

from pathlib import Path

import h5py
import numpy as np

from batchenv.body.gaitnet import load_skeleton
from tests.body.gaitnet.small_gaitnet import MUSCLES, write_files
from tests.engine.small_worlds import WITH_HEAD

PERIOD, FRAMES, FIRST_PHASE, SPEED = 1.0, 60, 0.25, 1.34
GROUND = """<Skeleton name="Ground"><Node name="ground" parent="None">
<Body type="Box" mass="15" size="100 10 500" contact="On">
<Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 {y} 245"/></Body>
<Joint type="Weld"><Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 -5 0"/></Joint>
</Node></Skeleton>
"""
CONFIG = """
Horizon: 40
environment:
  skeleton: {file: skeleton.xml, actuator: mass_lower}
  ground: {file: ground.xml}
  motion: {type: h5, file: walk.h5}
  muscle: {file: muscles.xml, use_joint_state: true, network: {hidden: [16, 16]}}
  simulation: {sim_hz: 240, control_hz: 30}
  action: {scale: 0.04, time_warping: 0.1}
  advanced: {enforce_symmetry: true, hard_phase_clipping: true, use_normalized_param_state: false}
  reward:
    type: gaitnet
    eoe_type: tuple
    metabolic: {type: A2, multiplicative: true, torque: {coeff: 0.1, separate: true}}
    locomotion: {avg_vel: {consider_x: true}}
  parameters:
    gait:
      stride: {min: 0.75, max: 1.25, default: 1.0, sampling: uniform}
      cadence: {min: 0.8, max: 1.25, default: 1.0, sampling: uniform}
"""


def write_scene(folder: Path, config: str = CONFIG, ground_y: float = -5.0) -> Path:
    """Write all files into a folder; the path of the configuration."""
    skeleton_file, _ = write_files(folder, WITH_HEAD, MUSCLES)
    skeleton = load_skeleton(skeleton_file)
    phase = np.arange(FRAMES) / FRAMES
    poses = np.zeros((FRAMES, skeleton.num_dof), np.float32)
    poses[:, 5] = 3.0 + SPEED * PERIOD * phase
    for side, shift in (("L", 0.0), ("R", 0.5)):
        wave = np.sin(2 * np.pi * (phase + FIRST_PHASE + shift))
        poses[:, skeleton.dof_start[skeleton.index(f"Femur{side}")]] = -0.35 * wave
        poses[:, skeleton.dof_start[skeleton.index(f"Tibia{side}")]] = 0.3 + 0.25 * wave
    with h5py.File(folder / "walk.h5", "w") as file:
        file["motions"] = poses
        file["time"] = np.float32(PERIOD) * phase.astype(np.float32)
        file["phase"] = ((phase + FIRST_PHASE) % 1.0).astype(np.float32)
    (folder / "ground.xml").write_text(GROUND.format(y=ground_y), encoding="utf-8")
    (folder / "scene.yaml").write_text(config, encoding="utf-8")
    return folder / "scene.yaml"
