"""MusclePaths: what the muscles of one file are, as flat arrays."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

_TWIN_PREFIX = {"L_": "R_", "R_": "L_"}


@dataclass(frozen=True, eq=False, kw_only=True)
class MusclePaths:
    """M muscles through A anchors, each on one body or blended over several: E pairs of an anchor and a body.

    Attributes:
        names: (M,).
        f0: peak isometric force (M,) [N].
        lm: optimal length of the fibre, as a fraction of lmt_ref (M,).
        lt: length of the tendon, as a fraction of lmt_ref (M,).
        pen: pennation angle (M,) [rad].
        lmt_ref: length of the path in the zero pose (M,) [m].
        type1: share of slow fibres (M,).
        mass: f0 (1 - lt) lmt_ref / 100, as GaitNet weighs muscles (M,).
        anchor_ptr: anchors of each muscle (M + 1,).
        entry_ptr: pairs of each anchor (A + 1,).
        entry_body: body of each pair, an index into the skeleton (E,). GaitNet pushes on an anchor's first.
        entry_weight: its share of the anchor (E,).
        entry_pos: place in the frame of the body, whose origin is its centre of mass (E, 3) [m].
        related_ptr: related coordinates of each muscle (M + 1,).
        related_dof: coordinates that feel the muscle in the zero pose, without the root's (K,).
        dropped: muscles of the file that are left out, a sentence each.
        remarks: what is odd about the file, a sentence each.
    """

    names: tuple[str, ...]
    f0: np.ndarray
    lm: np.ndarray
    lt: np.ndarray
    pen: np.ndarray
    lmt_ref: np.ndarray
    type1: np.ndarray
    mass: np.ndarray
    anchor_ptr: np.ndarray
    entry_ptr: np.ndarray
    entry_body: np.ndarray
    entry_weight: np.ndarray
    entry_pos: np.ndarray
    related_ptr: np.ndarray
    related_dof: np.ndarray
    dropped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @cached_property
    def anchor_muscle(self) -> np.ndarray:
        """Muscle of each anchor (A,)."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.anchor_ptr))

    @cached_property
    def entry_anchor(self) -> np.ndarray:
        """Anchor of each pair (E,)."""
        return np.repeat(np.arange(len(self.entry_ptr) - 1), np.diff(self.entry_ptr))

    @cached_property
    def related_muscle(self) -> np.ndarray:
        """Muscle of each related coordinate (K,)."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.related_ptr))

    @cached_property
    def mirror(self) -> np.ndarray:
        """Index of each muscle's twin on the other side, L_x for R_x; its own where it has none (M,)."""
        index = {name: i for i, name in enumerate(self.names)}
        return np.array([index.get(muscle_twin(name), i) for i, name in enumerate(self.names)], np.int32)


def muscle_twin(name: str) -> str:
    """Return the name on the other side: L_Soleus for R_Soleus; a name without a side is its own."""
    return _TWIN_PREFIX[name[:2]] + name[2:] if name[:2] in _TWIN_PREFIX else name
