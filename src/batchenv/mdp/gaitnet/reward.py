"""From the section `environment.reward` to a reward and its parts."""

from dataclasses import dataclass

import numpy as np

from batchenv.config.gaitnet import GaitNetReward
from batchenv.mdp.gaitnet import rewards
from batchenv.mdp.gaitnet.imitation import DEEPMIMIC, SCADIVER, Errors, deepmimic, scadiver

Array = np.ndarray

LOCOMOTION = ("head_linear_acc", "head_rot", "avg_vel", "step", "dragX", "phase")
ENERGY = ("metabolic", "torque")
KNEES = ("knee_load", "knee_peak")


@dataclass(frozen=True)
class Walk:
    """Inputs of the reward `gaitnet` in N worlds.

    Attributes:
        head_velocity, head_velocity_before: of the head, now and 15 substeps ago (N, 3) [m/s].
        head_known: whether the episode is as old as that (N,).
        head_rotation: (N, 3, 3).
        velocity: of the centre of mass, a mean over the window (N, 3) [m/s].
        speed: that is asked for (N,) [m/s].
        foot_z, target_z: of the standing foot and of its target, along the way (N,) [m].
        x, start_x: of the centre of mass, now and when the episode began (N,) [m].
        stride_time: from one stance of the left and of the right foot to its next (N, 2) [s].
        cycle: of the gait (N,) [s].
        metabolic: cost of activations, a mean over substeps (N,).
        torque: sum of the magnitudes of torques that no muscle makes, a mean over substeps (N,) [Nm].
        knee_load: force in a knee, a mean over both (N,) [kN]; zero where it is not measured.
        knee_peak: the largest force in a knee in this cycle (N,) [kN]; zero where it is not measured.
        episode_step: control steps in the episode (N,).
    """

    head_velocity: Array
    head_velocity_before: Array
    head_known: Array
    head_rotation: Array
    velocity: Array
    speed: Array
    foot_z: Array
    target_z: Array
    x: Array
    start_x: Array
    stride_time: Array
    cycle: Array
    metabolic: Array
    torque: Array
    knee_load: Array
    knee_peak: Array
    episode_step: Array


@dataclass(frozen=True)
class GaitReward:
    """The reward `gaitnet` of a configuration."""

    section: GaitNetReward

    def __call__(self, walk: Walk) -> tuple[dict[str, Array], Array]:
        """Factors (N,) by name, and the reward (N,)."""
        factors = self.locomotion(walk) | self.energy(walk) | self.knees(walk)
        metabolic, clip = self.section.metabolic, self.section.clip
        reward = np.prod([factors[name] for name in LOCOMOTION], axis=0)
        thrift = np.prod([factors[name] for name in ENERGY], axis=0)
        ease = np.prod([factors[name] for name in KNEES if name in factors], axis=0)
        if metabolic.multiplicative:
            reward = reward * thrift * ease
        else:
            reward = reward + metabolic.scale * thrift
            if knee_names(self.section):
                reward = reward + self.section.knee_pain.scale * ease
        if clip is not None:
            early = walk.episode_step <= clip.step
            reward = np.where(early, np.minimum(reward, clip.value), reward)
        return factors, reward

    def locomotion(self, walk: Walk) -> dict[str, Array]:
        """Factors of locomotion (N,) by name."""
        asked = self.section.locomotion
        steady = rewards.steady_head(
            walk.head_velocity, walk.head_velocity_before, weight=asked.head_linear_acc_weight
        )
        one = np.ones(len(walk.x))
        return {
            "head_linear_acc": np.where(walk.head_known, steady, 1.0),
            "head_rot": rewards.upright_head(walk.head_rotation, weight=asked.head_rot_weight),
            "avg_vel": rewards.mean_speed(
                walk.velocity,
                walk.speed,
                weight=asked.avg_vel.weight,
                clip=asked.avg_vel.clip,
                consider_x=asked.avg_vel.consider_x,
            ),
            "step": rewards.foothold(
                walk.foot_z, walk.target_z, weight=asked.step_weight, clip=asked.step_clip
            ),
            "dragX": rewards.on_line(
                walk.x, walk.start_x, weight=asked.dragX.weight, threshold=asked.dragX.threshold
            )
            if asked.dragX.use
            else one,
            "phase": rewards.in_rhythm(
                walk.stride_time[:, 0], walk.stride_time[:, 1], walk.cycle, weight=asked.phase.weight
            )
            if asked.phase.use
            else one,
        }

    def energy(self, walk: Walk) -> dict[str, Array]:
        """Factors of energy (N,) by name; one for both costs where they are not separate."""
        metabolic = self.section.metabolic
        torque = metabolic.torque.coeff * walk.torque
        if not metabolic.torque.separate:
            both = rewards.thrift(walk.metabolic + torque, weight=metabolic.weight)
            return {"metabolic": both, "torque": np.ones_like(both)}
        return {
            "metabolic": rewards.thrift(walk.metabolic, weight=metabolic.weight),
            "torque": rewards.thrift(torque, weight=metabolic.weight),
        }

    def knees(self, walk: Walk) -> dict[str, Array]:
        """Factors of the loads on the knees (N,) by name, those that are asked for."""
        pain = self.section.knee_pain
        loads = {"knee_load": (walk.knee_load, pain.weight), "knee_peak": (walk.knee_peak, pain.max_weight)}
        return {
            name: rewards.thrift(*loads[name][:1], weight=loads[name][1]) for name in knee_names(self.section)
        }


def knee_names(section: GaitNetReward) -> tuple[str, ...]:
    """Names of the factors of loads on the knees that are asked for."""
    wanted = (section.knee_pain.use, section.knee_pain.use_max)
    return tuple(name for name, use in zip(KNEES, wanted, strict=True) if use)


def reward_names(section: GaitNetReward) -> tuple[str, ...]:
    """Names of the parts of a reward."""
    parts = {
        "gaitnet": (*LOCOMOTION, *ENERGY, *knee_names(section)),
        "deepmimic": tuple(DEEPMIMIC),
        "scadiver": tuple(SCADIVER),
    }
    return parts[section.type]


def imitation_reward(kind: str, errors: Errors) -> tuple[dict[str, Array], Array]:
    """Parts (N,) by name, and the reward (N,), of "deepmimic" or "scadiver"."""
    if kind == "deepmimic":
        parts = deepmimic(errors)
        return parts, np.sum(list(parts.values()), axis=0)
    parts = scadiver(errors)
    return parts, np.prod(list(parts.values()), axis=0)
