"""Models of OpenSim as MyoConverter writes them, changed so that they can walk.

Its MJCF (https://github.com/MyoHub/myoconverter) keeps the names of OpenSim, and differs in this from what
walkers need: the pelvis moves against the world by slides and hinges, pelvis_tx to pelvis_rotation; it is
turned by a quarter, since y points up in OpenSim; and contacts are those of listed pairs, which
<option collision="predefined"> says, an attribute that MuJoCo no longer reads.
"""

from pathlib import Path
from xml.etree import ElementTree

ROOT = "root"
_PELVIS_JOINT, _FORWARD = "pelvis_", "pelvis_tx"
_FOLDERS = ("assetdir", "meshdir", "texturedir")


def converted_mjcf(path: Path) -> str | None:
    """Return the changed MJCF of a file that MyoConverter wrote; None for another file.

    A free joint takes the place of those of the pelvis, on a body above it that stands upright. Poses of the
    file, which have the joints that go, are left out.

    Args:
        path: of a file that `check_mjcf` has found harmless.
    """
    try:
        tree = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError:  # MuJoCo's reader is not as strict; MyoConverter's files are well-formed
        return None
    world = tree.find("worldbody")
    pelvis = None if world is None else _pelvis(world)
    if world is None or pelvis is None or tree.find(".//include") is not None:
        return None
    for joint in pelvis.findall("joint"):
        pelvis.remove(joint)
    world.remove(pelvis)
    root = ElementTree.SubElement(world, "body", name=ROOT)
    ElementTree.SubElement(root, "freejoint", name=ROOT)
    root.append(pelvis)
    for poses in tree.findall("keyframe"):
        tree.remove(poses)
    for option in tree.findall("option"):
        if option.attrib.pop("collision", None) == "predefined":
            for geom in world.iter("geom"):
                geom.attrib |= {"contype": "0", "conaffinity": "0"}
    _make_absolute(tree, path.absolute().parent)
    return ElementTree.tostring(tree, encoding="unicode")


def _pelvis(world: ElementTree.Element) -> ElementTree.Element | None:
    """The body in the world that all joints of a pelvis move; None where there is none."""
    for body in world.findall("body"):
        joints = [joint.get("name", "") for joint in body.findall("joint")]
        if _FORWARD in joints and all(name.startswith(_PELVIS_JOINT) for name in joints):
            return body
    return None


def _make_absolute(tree: ElementTree.Element, folder: Path) -> None:
    """Let files be found, which the text itself does not lie beside."""
    compiler = tree.find("compiler")
    if compiler is None:
        compiler = ElementTree.SubElement(tree, "compiler")
    named = [key for key in _FOLDERS if key in compiler.attrib]
    for key in named or ["assetdir"]:
        compiler.set(key, str(folder / compiler.get(key, "")))
