"""Worlds of the small GaitNet body, with a trunk and a head for what is driven by torques, and ways to move
them."""

from pathlib import Path

import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.engine.coordinator import NetworkLaw
from batchenv.engine.gaitnet import GaitNetLaw, GaitNetWorlds
from tests.body.gaitnet.small_gaitnet import MUSCLES, SKELETON, small_body

SUBSTEPS = 8
CYCLE = 1.1
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


def build(body: GaitNetBody, num_worlds: int, num_threads: int = 2, **law: object) -> GaitNetWorlds:
    """Worlds under a law whose network is drawn from a seed, with 32 bits to a weight."""
    network = NetworkLaw(hidden=(32, 32), seed=3, bits=32, tuples=True)
    return GaitNetWorlds(body, GaitNetLaw(**{"network": network} | law), num_worlds, SUBSTEPS, num_threads)


def pose(body: GaitNetBody, world: int, height: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """GaitNet's coordinates and velocities (D,) of a pose that differs from world to world."""
    rng = np.random.default_rng(world)
    q = rng.uniform(-0.2, 0.2, body.skeleton.num_dof)
    q[body.skeleton.lower > -0.2] = 0.3
    q[3:6] = 0.0, height, 0.1 * world
    return q, rng.normal(0.0, 0.3, body.skeleton.num_dof)


def stand(worlds: GaitNetWorlds, first: int = 0, height: float = 0.0, **clocks: float) -> None:
    """Put all worlds into poses of their own."""
    poses = [pose(worlds.body, first + i, height) for i in range(worlds.num_worlds)]
    q, dq = (np.array(x) for x in zip(*poses, strict=True))
    qpos = worlds.body.to_qpos(q)
    worlds.reset(
        np.arange(worlds.num_worlds), qpos, worlds.body.to_qvel(qpos, dq), **{"cycle": CYCLE} | clocks
    )


def targets(worlds: GaitNetWorlds, step: int, first: int = 0) -> np.ndarray:
    """Targets that differ from world to world and step to step, by world number and not by batch."""
    muscle = worlds.law.actuator == "muscle"
    n = len(worlds.body.paths.names) if muscle else worlds.body.skeleton.num_dof
    rngs = [np.random.default_rng((step, first + i)) for i in range(worlds.num_worlds)]
    return np.array([rng.uniform(0.0, 0.3, n) for rng in rngs])


def drive(worlds: GaitNetWorlds, steps: int, first: int = 0, watch=None) -> None:
    """Step with `targets`, the clocks running apart."""
    for k in range(steps):
        worlds.set_targets(targets(worlds, k, first), 0.1)
        worlds.choose_tuples(np.full(worlds.num_worlds, 0.4))
        worlds.step(watch)
