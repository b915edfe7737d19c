"""Pieces of muscle paths: which joints bend each stretch of a tendon.

The length of a path is the sum of its stretches, from one site to the next, and a stretch changes only with
the joints between the bodies that it touches. So the length is a sum of functions of few joints each,
whatever the number of joints that the muscle crosses.
"""

import mujoco
import numpy as np

Piece = tuple[int, ...]

_SITE = int(mujoco.mjtWrap.mjWRAP_SITE)
_ROUND = (int(mujoco.mjtWrap.mjWRAP_SPHERE), int(mujoco.mjtWrap.mjWRAP_CYLINDER))


def path_pieces(
    model: mujoco.MjModel, tendon: int, dof_joint: np.ndarray, crossed: set[int]
) -> tuple[Piece, ...]:
    """Return the sets of joints that the stretches of a path depend on; none contains another.

    Args:
        model: the body.
        tendon: id of a spatial tendon.
        dof_joint: driven joint that each dof belongs to or is bound to, or -1 (nv,).
        crossed: driven joints on which the muscle has a moment arm anywhere.

    Returns:
        The pieces; none where a dof that no driven joint moves bends the path.
    """
    stretches, bodies = [], []
    start = model.tendon_adr[tendon]
    for wrap in range(start, start + model.tendon_num[tendon]):
        kind, thing = int(model.wrap_type[wrap]), model.wrap_objid[wrap]
        if kind in _ROUND:
            bodies.append(model.geom_bodyid[thing])
        elif kind == _SITE:
            stretches.append([*bodies, model.site_bodyid[thing]])
            bodies = [model.site_bodyid[thing]]
        else:  # a pulley: the next site begins another branch
            bodies = []
    moving = [_dofs_between(model, stretch) for stretch in stretches]
    if any(dof_joint[dof] < 0 for dofs in moving for dof in dofs):
        return ()
    found = {frozenset(int(dof_joint[dof]) for dof in dofs) & crossed for dofs in moving}
    largest = [piece for piece in found if not any(piece < other for other in found)]
    return tuple(sorted(tuple(sorted(piece)) for piece in largest if piece))


def _dofs_between(model: mujoco.MjModel, bodies: list[int]) -> frozenset[int]:
    """Dofs that move some of the bodies and not the others."""
    above = [frozenset(_dofs_above(model, body)) for body in bodies]
    return frozenset.union(*above) - frozenset.intersection(*above)


def _dofs_above(model: mujoco.MjModel, body: int) -> list[int]:
    """Dofs between a body and the world."""
    above: list[int] = []
    while body > 0:
        start = model.body_dofadr[body]
        above += range(start, start + model.body_dofnum[body])
        body = model.body_parentid[body]
    return above


def graded_exponents(dimension: int, degree: int) -> np.ndarray:
    """Exponents (T, dimension) of all products of powers up to a total degree, by degree.

    Those of degree s are, for each power e of the last variable in turn, those of degree s - e of the other
    variables: the order in which compiled code makes them from one another.
    """
    blocks = [np.full((1, 1), s) for s in range(degree + 1)]
    for width in range(1, dimension):
        blocks = [
            np.concatenate([np.insert(blocks[s - e], width, e, axis=1) for e in range(s + 1)])
            for s in range(degree + 1)
        ]
    return np.concatenate(blocks)
