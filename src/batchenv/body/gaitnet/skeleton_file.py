"""Readers of GaitNet's skeleton and ground files, XML or YAML."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.body.gaitnet.document import Element, read_document
from batchenv.body.gaitnet.shapes import SHAPES
from batchenv.body.gaitnet.skeleton import DOFS, JOINT_TYPES, Skeleton
from batchenv.errors import nearest

_log = logging.getLogger(__name__)

# GaitNet gives every joint this damping [Nms/rad], whatever its configuration says.
DEFAULT_DAMPING = 0.4
_RESISTANCES = {"damping": DEFAULT_DAMPING, "stiffness": 0.0, "friction": 0.0}
_DEFAULT_KP, _DEFAULT_KV = 200.0, 40.0
_ENDS = (("lower", -np.inf), ("upper", np.inf))
_MOST_NODES = 100
# [kg]; lighter bodies have no inertia that MuJoCo takes.
_LEAST_MASS, _MOST_MASS = 1e-6, 1e4
_SHORT = 1e-6
_LEVEL_TOLERANCE = 1e-6
# Bodies further apart in the zero pose are in centimetres [m].
_FAR_APART = 20.0
_NO_PARENT = ("none", "null", "~")
# How far from orthonormal a rotation may be before that is worth a remark, and before it is refused.
_ODD, _MALFORMED = 0.01, 0.5
_KNOWN = {
    "node": {"name", "parent", "endeffector", "ee", "transformation", "body", "joint"},
    "body": {"type", "mass", "size", "radius", "height", "contact", "obj", "color", "R", "t"},
    "joint": {"type", "bvh", "axis", "lower", "upper", "kp", "kv", "damping", "friction", "stiffness"}
    | {"weight", "R", "t"},
}
_PER_DOF = {"lower", "upper", "kp", "kv", "damping", "stiffness", "friction"}
_WORDS = {"shape", "joint_type", "bvh", "mesh"}
# Directory of meshes beside a skeleton, in GaitNet's data.
_MESHES = "OBJ"


@dataclass
class _Columns:
    """Values gathered node by node; the names are those of `Skeleton`."""

    names: list[str] = field(default_factory=list)
    values: dict[str, list] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, **values: object) -> None:
        for key, value in values.items():
            self.values.setdefault(key, []).append(value)


def load_skeleton(file: str | Path) -> Skeleton:
    """Read a skeleton.

    Transformations are of the zero pose: in XML of the world, in YAML of the body of the parent.

    Args:
        file: GaitNet's XML (`<Skeleton><Node>...`) or YAML (`skeleton: nodes: [...]`).

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    root = read_document(file)
    if root.tag == "document":
        root = root.one("skeleton")
    if root.tag != "skeleton":
        raise root.error(f"the outermost element is {root.tag!r}; expected a skeleton.")
    nodes = root.all("node") or root.all("nodes")
    if not 1 <= len(nodes) <= _MOST_NODES:
        expected = f"; expected at most {_MOST_NODES}" if nodes else ""
        raise root.error(f"the skeleton has {len(nodes) or 'no'} nodes{expected}.")
    columns = _Columns()
    for node in nodes:
        node.tag = "node"
        _read_node(node, columns)
    skeleton = _assemble(columns)
    _check_lengths(skeleton, nodes)
    return skeleton


def load_ground(file: str | Path) -> float:
    """Return the height of the floor that a ground file describes: the top of its welded box [m].

    Args:
        file: XML or YAML of a skeleton with one node, a level box on a welded joint.

    Raises:
        BodyError: the file is invalid; the message names file and line.
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
    if np.abs(holder.numbers(keys[0], 9).reshape(3, 3)[1] - [0.0, 1.0, 0.0]).max() > _LEVEL_TOLERANCE:
        raise holder.error(
            f"{keys[0]} = {holder.values[keys[0]]!r}: the ground is not level; expected a box whose top is."
        )
    return float(holder.numbers(keys[1], 3)[1] + body.numbers("size", 3)[1] / 2)


def _check_lengths(skeleton: Skeleton, nodes: list[Element]) -> None:
    """BodyError where bodies are so large or so far apart that lengths cannot be in metres."""
    for i, node in enumerate(nodes):
        away = float(np.abs(skeleton.T_joint[i, :3, 3] - skeleton.T_joint[0, :3, 3]).max())
        length = max(away, float(skeleton.size[i].max()))
        if length > _FAR_APART:
            raise node.error(f"{node.label()} is {length:g} m from the root, or long; are lengths in metres?")


def _assemble(columns: _Columns) -> Skeleton:
    gathered: dict[str, Any] = {}
    for key, value in columns.values.items():
        if key in _PER_DOF:
            gathered[key] = np.concatenate(value).astype(float)
        else:
            gathered[key] = tuple(value) if key in _WORDS else np.array(value)
    return Skeleton(names=tuple(columns.names), remarks=tuple(columns.remarks), **gathered)


def _read_node(node: Element, columns: _Columns) -> None:
    name = node.text("name")
    if name in columns.names:
        raise node.error(f"there is a second node {name!r}; names of bodies have to differ.")
    parent = _parent(node, columns.names)
    body, joint = node.one("body"), node.one("joint")
    for element in (node, body, joint):
        _remark_unknown(element, columns)
    above = np.eye(4) if node.single or parent < 0 else columns.values["T_body"][parent]
    _read_body(body, name, above, columns)
    _read_joint(joint, name, parent, above, columns)
    columns.names.append(name)
    columns.add(parent=parent)


def _parent(node: Element, known: list[str]) -> int:
    """Return the index of the parent, -1 for the root."""
    parent = node.text("parent", default="none")
    if parent in known:
        return known.index(parent)
    if parent.lower() not in _NO_PARENT:
        raise node.error(
            f"parent = {parent!r} of {node.label()} is not a body above it.{nearest(parent, known)}"
            f" Above it stand: {', '.join(known) or 'none'}."
        )
    if known:
        raise node.error(f"{node.label()} is a second root beside {known[0]!r}; expected a parent.")
    return -1


def _read_body(body: Element, name: str, above: np.ndarray, columns: _Columns) -> None:
    shape = body.choice("type", SHAPES)
    size = np.zeros(3)
    if shape == "box":
        size[:] = body.numbers("size", 3)
    else:
        size[0] = body.number("radius", above=0)
        size[1] = 0.0 if shape == "sphere" else body.number("height", above=0)
    if shape == "box" and size.min() <= 0:
        raise body.error(f"size = {body.values['size']!r} of body {name!r}: expected three edges above 0.")
    columns.add(
        mass=body.number("mass", above=0, least=_LEAST_MASS, most=_MOST_MASS),
        shape=shape,
        size=size,
        contact=body.choice("contact", ("on", "off", "true", "false"), "off") in ("on", "true"),
        T_body=above @ _transform(body, f"body of {name!r}", columns),
        mesh=_mesh(body),
    )


def _mesh(body: Element) -> str:
    """Return the file of a body's mesh, beside the skeleton's or in OBJ there; "" where there is none."""
    name = body.values.get("obj", "")
    if Path(name).name != name or Path(name).suffix.lower() != ".obj":
        return ""
    folder = Path(body.file).absolute().parent
    return next((str(path) for path in (folder / _MESHES / name, folder / name) if path.is_file()), "")


def _read_joint(joint: Element, name: str, parent: int, above: np.ndarray, columns: _Columns) -> None:
    kind = joint.choice("type", JOINT_TYPES)
    if (kind == "free") != (parent < 0):
        expected = "the root's is Free" if parent < 0 else "Ball or Revolute; only the root's is Free"
        raise joint.error(f"type = {joint.values['type']!r} of the joint of {name!r}: expected {expected}.")
    count = DOFS[kind]
    axis = np.zeros(3)
    if kind == "revolute":
        axis = joint.numbers("axis", 3)
        if np.abs(axis).max() < _SHORT:
            raise joint.error(f"axis of the joint of {name!r} is zero; expected a direction.")
        axis = axis / np.linalg.norm(axis)
    lower, upper = (joint.numbers(key, count, np.full(count, end)) for key, end in _ENDS)
    if (lower > upper).any():
        raise joint.error(f"lower = {joint.values['lower']!r} of the joint of {name!r} is above its upper.")
    if np.abs([lower, upper])[np.isfinite([lower, upper])].max(initial=0.0) > 2 * np.pi:
        columns.remarks.append(
            f"{joint.file}:{joint.line}: limits of the joint of {name!r} are beyond a whole turn; they are"
            " radians."
        )
    kp, kv = _gains(joint, name, kind)
    columns.add(
        joint_type=kind,
        axis=axis,
        lower=lower,
        upper=upper,
        kp=kp,
        kv=kv,
        bvh=tuple(joint.values.get("bvh", "").split()),
        T_joint=above @ _transform(joint, f"joint of {name!r}", columns),
        **{
            key: np.full(count, joint.number(key, least=0, default=value))
            for key, value in _RESISTANCES.items()
        },
    )


def _gains(joint: Element, name: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return kp and kv: by default 200 and 40, or kv = sqrt(2 kp) beside a given kp; zero for the root."""
    count = DOFS[kind]
    if kind == "free":
        return np.zeros(count), np.zeros(count)
    kp = joint.numbers("kp", count, np.full(count, _DEFAULT_KP))
    given = bool(joint.values.get("kp", "").strip())
    kv = joint.numbers("kv", count, np.sqrt(2 * np.abs(kp)) if given else np.full(count, _DEFAULT_KV))
    for key, value in (("kp", kp), ("kv", kv)):
        if value.min() < 0:
            raise joint.error(
                f"{key} = {joint.values[key]!r} of the joint of {name!r}: expected no number below 0."
            )
    return kp, kv


def _transform(element: Element, owner: str, columns: _Columns) -> np.ndarray:
    """Return the frame (4, 4) of an element, the columns of its rotation made orthonormal, the first kept."""
    holder, keys = (
        (element.one("transformation"), ("linear", "translation")) if element.single else (element, "Rt")
    )
    linear = holder.numbers(keys[0], 9).reshape(3, 3)
    transform = np.eye(4)
    transform[:3, 3] = holder.numbers(keys[1], 3)
    off = np.abs(linear.T @ linear - np.eye(3)).max()
    if off > _MALFORMED or np.linalg.det(linear) <= 0:
        raise holder.error(
            f"{keys[0]} = {holder.values[keys[0]]!r} of the {owner} is not a rotation;"
            " expected three orthogonal unit columns, row by row."
        )
    rotation = _orthonormal(linear)
    if off > _ODD:
        cosines = np.einsum("ij,ij->j", rotation, linear) / np.linalg.norm(linear, axis=0)
        degrees = np.degrees(np.arccos(np.clip(cosines, -1, 1)).max())
        columns.remarks.append(
            f"{holder.file}:{holder.line}: {keys[0]} of the {owner} is not a rotation by {off:.2g};"
            f" its first column is kept, which turns the others by up to {degrees:.0f} degrees."
        )
    transform[:3, :3] = rotation
    return transform


def _orthonormal(linear: np.ndarray) -> np.ndarray:
    """Gram-Schmidt on the columns, from the first on."""
    columns: list[np.ndarray] = []
    for column in linear.T:
        for before in columns:
            column = column - (column @ before) * before
        columns.append(column / np.linalg.norm(column))
    return np.column_stack(columns)


def _remark_unknown(element: Element, columns: _Columns) -> None:
    for key in element.values.keys() - _KNOWN[element.tag]:
        remark = (
            f"{element.file}:{element.line}: {key!r} of {element.label()} means nothing here and is left out."
        )
        columns.remarks.append(remark)
        _log.warning(remark)
