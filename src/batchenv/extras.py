"""Packages that only the extras of batchenv bring, asked for before the work that needs them begins."""

import importlib
from typing import Any

from batchenv.errors import UsageError

_EXTRAS = {
    "h5py": "evaluate",
    "matplotlib": "evaluate",
    "imageio_ffmpeg": "viewer",
    "rich": "train",
    "rsl_rl": "train",
    "tensorboard": "train",
    "torch": "train",
    "ray": "ray",
    "ezc3d": "mocap",
    "onnx": "export",
    "onnxruntime": "export",
    "wandb": "wandb",
    "mujoco_warp": "gpu",
}


def import_extra(module: str, purpose: str) -> Any:
    """Import a package of an extra, and return it.

    Args:
        module: its name, as in an import statement.
        purpose: what needs it, such as "a report", for the message.

    Raises:
        UsageError: it cannot be imported; names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{purpose} needs more packages ({error}): pip install 'batchenv[{_EXTRAS[module]}]'"
        ) from error
