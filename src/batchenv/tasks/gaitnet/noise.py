"""Noise on poses, bodies and muscles: GaitNet's noise injection, smooth in time.

GaitNet takes FastNoiseLite's Perlin noise at whole numbers of its second axis, which is Perlin noise along
the first: gradients at whole times, the first parts of random unit vectors, and between them a fade of the
fifth degree (Perlin 2002, "Improving noise").
"""

from dataclasses import dataclass

import numpy as np

from batchenv import rng
from batchenv.body.gaitnet import GaitNetBody
from batchenv.config.gaitnet import NoiseFile
from batchenv.engine.disturbances import Disturbances
from batchenv.errors import ConfigError, nearest
from batchenv.mdp.batch import Batch
from batchenv.mdp.episodes import NOISE
from batchenv.tasks.gaitnet.state import GaitNetState

Array = np.ndarray

# FastNoiseLite's factor, by which its Perlin noise reaches from -1 to 1.
_HEIGHT = 1.4247691104677813
# The clock of GaitNet's noise in a substep [s], and the seed that all its worlds share.
_SHARED_STEP, _SHARED_SEED = 0.001, 1337


@dataclass(frozen=True)
class Noise:
    """The noise of a file on a body.

    Attributes:
        settings: what the file says.
        joints: MuJoCo's joints whose angles are moved, hinges before balls.
        bodies: MuJoCo's bodies that forces act on.
        angles: coordinates of these joints.
        muscles: number of muscles whose activations are disturbed, 0 for none.
        shared: whether all worlds have the same noise, whose clock runs through all episodes, as in GaitNet.
    """

    settings: NoiseFile
    joints: tuple[int, ...]
    bodies: tuple[int, ...]
    angles: int
    muscles: int
    shared: bool

    @classmethod
    def of(cls, settings: NoiseFile, body: GaitNetBody, *, muscled: bool, shared: bool) -> "Noise | None":
        """Find the bodies that a file names; None where nothing is disturbed.

        Args:
            settings: what the file says.
            body: whose bodies.
            muscled: whether muscles act.
            shared: see `Noise`.

        Raises:
            ConfigError: it names an unknown body, or angles of the root.
        """
        if not settings.enabled:
            return None
        skeleton = body.skeleton
        moved = _found(settings.position.target_nodes, body, "position") if settings.position.enabled else []
        pushed = _found(settings.force.target_nodes, body, "force") if settings.force.enabled else []
        moved.sort(key=lambda i: skeleton.joint_type[i] == "ball")
        if any(skeleton.joint_type[i] == "free" for i in moved):
            raise ConfigError(
                f"noise_injection.position.target_nodes: {skeleton.names[0]} is the root, which hangs on no "
                "joint; leave it out"
            )
        model = body.model()
        muscles = len(body.paths.names) if settings.activation.enabled and muscled else 0
        return cls(
            settings,
            tuple(int(model.joint(skeleton.names[i]).id) for i in moved),
            tuple(int(body.body_id[i]) for i in pushed),
            int(skeleton.num_dofs[moved].sum()),
            muscles,
            shared,
        )

    @property
    def disturbances(self) -> Disturbances:
        """What the engine disturbs."""
        return Disturbances(self.joints, self.bodies, self.muscles > 0)

    def blow(self, batch: Batch[GaitNetBody, GaitNetState], substeps: int, timestep: float) -> None:
        """Write the noise of the next step into the worlds."""
        state, worlds = batch.state, batch.worlds
        if self.shared:
            timestep = _SHARED_STEP
        passed = state.total_steps if self.shared else batch.episodes.step
        time = timestep * (passed[:, None] * substeps + np.arange(1, substeps + 1))
        settings, count = self.settings, self.angles + 3 * len(self.bodies) + self.muscles
        moving, pushing = self.angles, self.angles + 3 * len(self.bodies)
        for name, kind, first, last in (
            ("angle_noise", settings.position, 0, moving),
            ("force_noise", settings.force, moving, pushing),
            ("activation_noise", settings.activation, pushing, count),
        ):
            if first == last:
                continue
            noise = kind.amplitude * self._perlin(batch, kind.frequency * time, count)[..., first:last]
            added = np.abs(noise) if kind is settings.activation else noise
            worlds.slot(name)[:] = added.reshape(worlds.slot(name).shape)
        state.total_steps += 1

    def _perlin(self, batch: Batch[GaitNetBody, GaitNetState], time: Array, count: int) -> Array:
        """Noise between -1 and 1 at times in periods (N, S) of `count` channels (N, S, count)."""
        first = np.floor(time[:, 0]).astype(np.int64)
        cell = np.floor(time).astype(np.int64) - first[:, None]
        slopes = [self._gradients(batch, first + k, count) for k in range(int(cell.max()) + 2)]
        gradient, rows = np.stack(slopes, axis=1), np.arange(len(time))[:, None]
        x = (time - np.floor(time))[..., None]
        fade = x * x * x * (x * (6.0 * x - 15.0) + 10.0)
        start, end = gradient[rows, cell] * x, gradient[rows, cell + 1] * (x - 1.0)
        return _HEIGHT * (start + fade * (end - start))

    def _gradients(self, batch: Batch[GaitNetBody, GaitNetState], index: Array, count: int) -> Array:
        """Slopes at whole times (N,) of all channels (N, count)."""
        if self.shared:
            zero = np.zeros(len(index), np.int64)
            blocks = index * ((count + 3) // 4)
            u = rng.uniform(_SHARED_SEED, zero, zero, count, NOISE, blocks)
        else:
            u = batch.episodes.uniform(None, count, NOISE, index)
        return np.cos(2.0 * np.pi * u)


def _found(names: tuple[str, ...], body: GaitNetBody, kind: str) -> list[int]:
    known = body.skeleton.names
    for name in names:
        if name not in known:
            raise ConfigError(
                f"noise_injection.{kind}.target_nodes: there is no body {name!r}.{nearest(name, known)}"
            )
    return [known.index(name) for name in names]
