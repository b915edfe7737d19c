"""Worlds of the legs of myo_sim, whose muscles are tendons, and ways to move them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from batchenv.body import Body
from batchenv.engine import ControlLaw, Worlds

SUBSTEPS = 10
KP = {
    "hip_flexion": 250.0,
    "hip_adduction": 250.0,
    "hip_rotation": 120.0,
    "knee_angle": 250.0,
    "ankle_angle": 150.0,
    "subtalar_angle": 60.0,
    "mtp_angle": 15.0,
}


def build(
    body: Body, num_worlds: int, actuator: Any = "mass", num_threads: int = 2, **law: Any
) -> Worlds[Body]:
    """Worlds under a law with usual gains."""
    law = ControlLaw(actuator, *body.default_gains(KP, None), **law)
    return Worlds(body, law, num_worlds, SUBSTEPS, num_threads)


def apart(body: Body, angle: float = 0.1) -> np.ndarray:
    """A pose with the legs apart, that touches nothing when in the air."""
    return np.array([-0.15 if name.startswith("hip_adduction") else angle for name in body.joint_names])


def pose(
    body: Body, world: int, joint_pos: np.ndarray | None = None, height: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """A standing pose (nq,) and velocities (nv,) that differ from world to world."""
    rng = np.random.default_rng(world)
    joints = np.clip(rng.normal(0.1, 0.1, len(body.joint_names)), *body.joint_range.T)
    joints = joints if joint_pos is None else joint_pos
    qpos = body.qpos(np.array([0.0, 0.0, height]), np.array([1.0, 0.0, 0.0, 0.0]), joints)
    return qpos, rng.normal(0.0, 0.05, body.model.nv)


def hang(worlds: Worlds[Body]) -> None:
    """Put all worlds into the same pose in the air."""
    qpos = pose(worlds.body, 0, apart(worlds.body), height=2.0)[0]
    n = worlds.num_worlds
    worlds.reset(np.arange(n), np.tile(qpos, (n, 1)), np.zeros((n, worlds.body.model.nv)))


def stand(worlds: Worlds[Body], first: int = 0) -> None:
    """Put all worlds into poses of their own."""
    poses = [pose(worlds.body, first + i) for i in range(worlds.num_worlds)]
    worlds.reset(np.arange(worlds.num_worlds), *(np.array(x) for x in zip(*poses, strict=True)))


def drive(worlds: Worlds[Body], steps: int, first: int = 0, watch: Callable[[], None] | None = None) -> None:
    """Step with targets that differ by step and by world, whatever the batch."""
    n_joint = len(worlds.body.joint_names)
    for k in range(steps):
        rngs = [np.random.default_rng((k, first + i)) for i in range(worlds.num_worlds)]
        n = len(worlds.body.muscle_names) if worlds.law.actuator == "muscle" else n_joint
        targets = np.array([rng.uniform(0.0, 0.3, n) for rng in rngs])
        worlds.set_targets(targets, np.zeros((worlds.num_worlds, n_joint)))
        worlds.step(watch)
