"""Worlds of the small GaitNet body, with a trunk and a head for what is driven by torques, and ways to move
them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.mechanism import ROOT_DOFS, upper_joints
from batchenv.engine import ControlLaw, NetworkSpec, Worlds
from batchenv.engine.law import adapt_model
from batchenv.tasks.gaitnet.law import gaitnet_records
from tests.body.gaitnet.small_gaitnet import MUSCLES, SKELETON, small_body

SUBSTEPS = 8
_UPPER = """
  <Node name="{name}" parent="{parent}">
    <Body type="Box" mass="{mass}" size="0.2 0.25 0.15" contact="Off">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 {middle} 0.01"/>
    </Body>
    <Joint type="Ball" lower="-0.6 -0.6 -0.6" upper="0.6 0.6 0.6" kp="200 150 200" kv="20 15 40">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 {joint} 0"/>
    </Joint>
  </Node>
"""
WITH_HEAD = SKELETON.replace(
    "</Skeleton>",
    _UPPER.format(name="Spine", parent="Pelvis", mass=20, middle=1.3, joint=1.15)
    + _UPPER.format(name="Head", parent="Spine", mass=5, middle=1.6, joint=1.5)
    + "</Skeleton>",
)


def body_with_head(folder: Path) -> GaitNetBody:
    """Load the small body with a trunk and a head, and muscles so short that they resist at rest."""
    return small_body(folder, WITH_HEAD, MUSCLES.replace('lm="0.9"', 'lm="0.75"'))


def control_law(body: GaitNetBody, **changes: Any) -> ControlLaw:
    """A law whose network is drawn from a seed, with 32 bits to a weight."""
    law = ControlLaw(
        "mass_lower",
        kp=np.asarray(body.skeleton.kp, float)[ROOT_DOFS:],
        kv=np.asarray(body.skeleton.kv, float)[ROOT_DOFS:],
        controller="stable_pd",
        constraints="active_set",
        network=NetworkSpec(hidden=(32, 32), seed=3, bits=32, keep_samples=True),
        symmetric=True,
        muscle_model="mass",
        ideal_joints=upper_joints(body),
        records=gaitnet_records(body),
    )
    return replace(law, **changes)


def build(body: GaitNetBody, num_worlds: int, num_threads: int = 2, **changes: Any) -> Worlds[GaitNetBody]:
    """Worlds under that law."""
    law = control_law(body, **changes)
    return Worlds(body, law, num_worlds, SUBSTEPS, num_threads, measured=True)


def adapted_model(body: GaitNetBody) -> mujoco.MjModel:
    """The model that such worlds run on, without their `userdata`."""
    mechanism = body.mechanism()
    adapt_model(mechanism, control_law(body))
    return mechanism.model


def pose(body: GaitNetBody, world: int, height: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """GaitNet's coordinates and velocities (D,) of a pose that differs from world to world."""
    rng = np.random.default_rng(world)
    q = rng.uniform(-0.2, 0.2, body.skeleton.num_dof)
    q[body.skeleton.lower > -0.2] = 0.3
    q[3:6] = 0.0, height, 0.1 * world
    return q, rng.normal(0.0, 0.3, body.skeleton.num_dof)


def stand(
    worlds: Worlds[GaitNetBody], first: int = 0, height: float = 0.0, *, mirrored: bool = False
) -> None:
    """Put all worlds into poses of their own."""
    poses = [pose(worlds.body, first + i, height) for i in range(worlds.num_worlds)]
    q, dq = (np.array(x) for x in zip(*poses, strict=True))
    qpos, ids = worlds.body.to_qpos(q), np.arange(worlds.num_worlds)
    worlds.reset(ids, qpos, worlds.body.to_qvel(qpos, dq))
    worlds.slot("mirrored")[:] = mirrored
    worlds.measure(ids)


def targets(worlds: Worlds[GaitNetBody], step: int, first: int = 0) -> np.ndarray:
    """Targets that differ from world to world and step to step, by world number and not by batch."""
    n = worlds.slot("excitation" if worlds.law.actuator == "muscle" else "target").shape[1]
    rngs = [np.random.default_rng((step, first + i)) for i in range(worlds.num_worlds)]
    return np.array([rng.uniform(0.0, 0.3, n) for rng in rngs])


def take_step(worlds: Worlds[GaitNetBody], step: int, first: int = 0, watch: Any = None) -> None:
    """Step with the `targets` of a step; its second half is seen in the mirror."""
    worlds.set_targets(targets(worlds, step, first))
    worlds.slot("mirrored")[:, SUBSTEPS // 2 :] = worlds.law.symmetric
    worlds.choose_samples(np.full(worlds.num_worlds, 0.4))
    worlds.step(watch)


def drive(worlds: Worlds[GaitNetBody], steps: int, first: int = 0, watch: Any = None) -> None:
    """Take some steps."""
    for k in range(steps):
        take_step(worlds, k, first, watch)
