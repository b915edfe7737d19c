import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet.shapes import (
    GEOM_TYPES,
    SHAPES,
    bounding_box,
    geom_size,
    principal_inertia,
    reach,
)

SIZE = {"box": (0.2, 0.5, 0.3), "sphere": (0.2, 0, 0), "capsule": (0.1, 0.4, 0), "cylinder": (0.1, 0.4, 0)}


@pytest.mark.parametrize("shape", SHAPES)
def test_inertia_is_that_of_mujocos_geom(shape):
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body()
    body.add_geom(type=GEOM_TYPES[shape], size=geom_size(shape, np.array(SIZE[shape])), mass=3)
    expected = spec.compile().body_inertia[1]
    np.testing.assert_allclose(
        sorted(principal_inertia(shape, SIZE[shape], 3.0)), sorted(expected), rtol=1e-12
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_reaches_as_far_as_its_furthest_point(shape):
    size = np.array(SIZE[shape])
    rng = np.random.default_rng(0)
    inside = rng.uniform(-0.5, 0.5, (400_000, 3)) * bounding_box(shape, size)
    if shape != "box":
        beyond = np.maximum(np.abs(inside[:, 2]) - size[1] / 2, 0)
        across = np.hypot(inside[:, 0], inside[:, 1])
        if shape == "cylinder":
            inside = inside[(across <= size[0]) & (beyond == 0)]
        else:
            inside = inside[np.hypot(across, beyond) <= size[0]]
    direction = rng.normal(size=(10, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    furthest = (inside @ direction.T).max(axis=0)
    found = reach(shape, size, direction)
    # Points drawn at random fall short of the surface by some millimetres.
    assert ((found >= furthest) & (found < furthest + 0.02)).all()
