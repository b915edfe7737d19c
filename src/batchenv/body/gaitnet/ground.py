"""Reader of GaitNet's ground files: the top of a welded box is the height of the endless floor."""

from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.document import read_document

_LEVEL = 1e-6


def load_ground(file: str | Path) -> float:
    """Return the height of the top of a ground [m].

    Args:
        file: XML or YAML of a skeleton with one node, a level box on a welded joint.

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    root = read_document(file)
    if root.tag == "document":
        root = root.one("skeleton")
    nodes = root.all("node") or root.all("nodes")
    if len(nodes) != 1:
        raise root.error(f"the ground has {len(nodes)} nodes; expected one box.")
    body, joint = nodes[0].one("body"), nodes[0].one("joint")
    body.choice("type", ("box",))
    joint.choice("type", ("weld",))
    holder, keys = (body.one("transformation"), ("linear", "translation")) if body.single else (body, "Rt")
    if np.abs(holder.numbers(keys[0], 9).reshape(3, 3)[1] - [0.0, 1.0, 0.0]).max() > _LEVEL:
        raise holder.error(
            f"{keys[0]} = {holder.values[keys[0]]!r}: the ground is not level; expected a box whose top is."
        )
    return float(holder.numbers(keys[1], 3)[1] + body.numbers("size", 3)[1] / 2)
