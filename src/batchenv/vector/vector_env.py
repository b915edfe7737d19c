"""N worlds as one `gymnasium.vector.VectorEnv`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from batchenv.arrays import numpy_array, shown, whole_number
from batchenv.config import Config
from batchenv.env import Autoreset, BatchEnv
from batchenv.errors import InputError
from batchenv.evaluate.offscreen import checked_size
from batchenv.inputs import check_flag, checked_options
from batchenv.vector.overrides import overridden
from batchenv.vector.render import RENDER_MODES, Renderer, checked_render_mode
from batchenv.vector.spaces import action_space, observation_space

_AUTORESET: dict[AutoresetMode, Autoreset] = {
    AutoresetMode.NEXT_STEP: "next_step",
    AutoresetMode.SAME_STEP: "same_step",
    AutoresetMode.DISABLED: "disabled",
}
_KEYWORDS = (
    "num_envs",
    "autoreset_mode",
    "num_threads",
    "seed",
    "action_limit",
    "copy",
    "render_mode",
    "width",
    "height",
    "data_root",
    "trust",
)


class VectorEnv(gymnasium.vector.VectorEnv):
    """N worlds of one walking human, as Gymnasium has vector environments.

    Same bits as `BatchEnv` under the same seed and actions. Infos have "reward_terms", the unweighted terms
    of the reward by name, and "diverged", whether the physics failed, each with the mask of the worlds that
    it is said of.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        num_envs: N.
        autoreset_mode: when worlds that ended are reset, as Gymnasium defines it: NEXT_STEP, SAME_STEP (with
            "final_obs" and "final_info"), or DISABLED (by `reset` with `options={"reset_mask": ...}`).
        num_threads: threads that step the worlds; by default the CPUs that this process may use.
        seed: of all random draws until `reset` is given one; by default from the operating system.
        action_limit: actions are cut to this size, which is the bound of the action space; excitations to 0
            and 1.
        copy: return new observations, rewards and ends; otherwise the same buffers every call.
        render_mode: "rgb_array" for pictures, or None.
        width: of the pictures [pixels].
        height: of the pictures [pixels].
        data_root: where `@data/` files are looked for after the package's own.
        trust: whether the configuration may name Python files, whose code then runs; see `load_config`.
        **keys: values of the configuration, as nested mappings by section or by dotted path; relative paths
            start in the working directory.

    Raises:
        ConfigError: the configuration is invalid, or names code and is not trusted.
        InputError: another argument is invalid.

    Attributes:
        batch: the `BatchEnv` that steps.

    Examples:
        >>> envs = VectorEnv("walk", num_envs=2, environment={"episode": {"max_seconds": 5.0}})
        >>> obs, infos = envs.reset(seed=0)
        >>> obs, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
        >>> obs.shape == envs.observation_space.shape, infos["reward_terms"]["pose"].shape
        (True, (2,))
        >>> envs.close()
    """

    def __init__(
        self,
        config: Config | str | Path = "walk",
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        num_threads: int | None = None,
        seed: int | None = None,
        action_limit: float = 1.0,
        copy: bool = True,
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
        data_root: str | Path | None = None,
        trust: bool = True,
        **keys: Any,
    ):
        check_flag("copy", copy)
        self.autoreset_mode = _mode(autoreset_mode)
        self.render_mode, self._size = checked_render_mode(render_mode), checked_size(width, height)
        self.batch = BatchEnv(
            overridden(config, data_root, trust, keys, _KEYWORDS),
            num_envs,
            num_threads,
            seed,
            autoreset=_AUTORESET[self.autoreset_mode],
        )
        self.num_envs, self.copy = self.batch.num_envs, copy
        self.metadata = {
            "autoreset_mode": self.autoreset_mode,
            "render_modes": list(RENDER_MODES),
            "render_fps": round(1.0 / self.batch.control_dt),
        }
        self._action_box = action_space(self.batch, action_limit)
        self.single_action_space = self._action_box
        self.single_observation_space = observation_space(self.batch, self._action_box)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._renderer: Renderer | None = None

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: of the worlds that are reset, see `BatchEnv.reset`; None goes on with their next episodes.
            options: {"reset_mask": (N,) bool} resets those worlds alone, others keep their observations.

        Returns:
            Observations (N, obs_dim), and infos.

        Raises:
            InputError: a seed, an option or the mask is invalid; no world is reset.
        """
        given = checked_options(options)
        unknown = [name for name in given if name != "reset_mask"]
        if unknown:
            raise InputError(f"unknown option {shown(unknown[0])} of reset; expected reset_mask")
        mask = given.get("reset_mask")
        obs = self.batch.reset(seed, mask)
        super().reset(seed=whole_number(seed))
        return self._returned(obs), {}

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Advance every world by one control step; in NEXT_STEP, worlds that ended before are reset instead.

        Args:
            actions: (N, action_dim), finite; cut to the action space.

        Returns:
            Observations (N, obs_dim), rewards, terminations, truncations (N,), and infos.

        Raises:
            InputError: actions of another shape, not numbers, or not finite; no world has moved.
            UsageError: before `reset`, after `close`, or in DISABLED where worlds wait to be reset.
        """
        batch = self.batch
        waiting = batch.waiting.copy()  # the worlds that this step resets
        obs, rewards, dones = batch.step(self.cut(actions))
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos = self._infos(~dones)
            if dones.any():
                infos |= self._final(dones.copy())
        else:
            infos = self._infos(~waiting)
        ends = self._returned(batch.terminated), self._returned(batch.truncated)
        return self._returned(obs), self._returned(rewards), *ends, infos

    def set_command(self, ids: Any, values: Mapping[str, Any] | None) -> NDArray[np.float32]:
        """Ask some worlds for something else, until their episode ends; see `BatchEnv.set_command`.

        Args:
            ids: worlds, each named once (n,).
            values: one number or one for each world (n,), by column as in `batch.command_layout`; None draws
                commands that were set.

        Returns:
            The observations (N, obs_dim), of the same states.

        Raises:
            InputError: a world, a name or a value cannot be; nothing is changed.
            UsageError: before `reset` or after `close`, or where there are no commands.
        """
        return self._returned(self.batch.set_command(ids, values))

    def cut(self, actions: Any) -> np.ndarray:
        """Cut actions to the action space; what cannot be cut is for the `BatchEnv` to refuse."""
        array, space = numpy_array("actions", actions), self._action_box
        if array.shape != (self.num_envs, *space.shape) or array.dtype.kind not in "fiub":
            return array
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)  # a longer float may be beyond it
        if not np.isfinite(array).all():
            return array
        return np.clip(array, space.low, space.high)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return a picture (height, width, 3) of every world, with `render_mode="rgb_array"`.

        Raises:
            UsageError: this machine cannot render.
        """
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render was called without a render_mode: VectorEnv(render_mode='rgb_array')"
            )
            return None
        if self._renderer is None:
            self._renderer = Renderer(self.batch, *self._size)
        return tuple(self._renderer.draw(world) for world in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Free the worlds; `close` calls this."""
        if self._renderer is not None:
            self._renderer.close()
        self.batch.close()

    def _infos(self, mask: np.ndarray) -> dict[str, Any]:
        """What is said of the last step of some worlds, each array with its mask; others are 0."""
        if not mask.any():
            return {}
        terms = _masked(self.batch.reward_terms, mask)
        return _masked({"diverged": self.batch.diverged}, mask) | {
            "reward_terms": terms,
            "_reward_terms": mask.copy(),
        }

    def _final(self, ended: np.ndarray) -> dict[str, Any]:
        """How episodes ended; "final_obs" holds an array or None, as Gymnasium's own environments have it."""
        final_obs = np.full(self.num_envs, None, object)
        for world in np.flatnonzero(ended):
            final_obs[world] = self.batch.final_obs[world].copy()
        infos = {"final_obs": final_obs, "final_info": self._infos(ended)}
        return infos | {f"_{name}": ended.copy() for name in infos}

    def _returned(self, buffer: np.ndarray) -> np.ndarray:
        return buffer.copy() if self.copy else buffer


def _masked(arrays: Mapping[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    """Copies of arrays (N,), 0 outside a mask, and the mask beside each under the name with "_" before it."""
    out: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        out[name], out[f"_{name}"] = values * mask, mask.copy()
    return out


def _mode(mode: Any) -> AutoresetMode:
    try:
        if not isinstance(mode, str | AutoresetMode):
            raise ValueError
        return AutoresetMode(mode)
    except ValueError as error:
        modes = ", ".join(f"AutoresetMode.{own.name} ({own.value!r})" for own in AutoresetMode)
        raise InputError(f"autoreset_mode is {shown(mode)}; expected one of {modes}") from error
