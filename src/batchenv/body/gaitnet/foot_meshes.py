"""Distances of way-points to meshes of bones, by which GaitNet can weight muscles of the feet."""

from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from batchenv.body.files import MEGABYTE, read_file
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.errors import BodyError

# GaitNet's meshes are in centimetres [m].
UNIT = 0.01
# What it takes for the distance to a body without a mesh [m].
_FAR = 1e8
_MOST_BYTES = 32 * MEGABYTE


class FootMeshes:
    """Meshes of bodies, where they are in the zero pose.

    Args:
        skeleton: that names them.
    """

    FOOT: ClassVar[str] = "Talus"

    def __init__(self, skeleton: Skeleton):
        self._files = skeleton.mesh

    def distance(self, body: int, point: np.ndarray) -> float:
        """Distance of a point of the zero pose (3,) to the nearest vertex of a body's mesh [m].

        Raises:
            BodyError: the mesh cannot be read.
        """
        file = self._files[body]
        if not file:
            return _FAR
        return float(np.linalg.norm(_vertices(file) - point, axis=1).min())


@cache
def _vertices(file: str) -> np.ndarray:
    """Vertices of an OBJ file (V, 3) [m]."""
    try:
        lines = read_file(Path(file), _MOST_BYTES).decode("utf-8", "replace").splitlines()
        rows = [line.split()[1:4] for line in lines if line.startswith("v ")]
        vertices = UNIT * np.array(rows, float).reshape(-1, 3)
    except (OSError, ValueError) as error:
        raise BodyError(f"{file}: no mesh: {getattr(error, 'strerror', None) or error}") from None
    if not len(vertices) or not np.isfinite(vertices).all():
        raise BodyError(f"{file}: the mesh has no vertices, or some that are not finite")
    return vertices
