"""Muscles by what they do, and what names in a configuration select: muscles or segments, groups, sides.

Groups are those of Neumann, "Kinesiology of the Musculoskeletal System" (3rd ed., 2017), chapters 5, 6, 10
and 12 to 14, by the names that muscles have in myo_sim's legs and whole body, * standing for any characters;
a muscle across two joints is in a group at each.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from batchenv.body.names import COMMON_NAMES, LEFT, RIGHT, BodyNames, Sided
from batchenv.errors import ConfigError, nearest

_GLUTEUS_MEDIUS = ("glmed1", "glmed2", "glmed3")
_GLUTEUS_MINIMUS = ("glmin1", "glmin2", "glmin3")
_GLUTEUS_MAXIMUS = ("glmax1", "glmax2", "glmax3")
_ADDUCTOR_MAGNUS = ("addmagDist", "addmagIsch", "addmagMid", "addmagProx")
_HAMSTRINGS = ("bflh", "semimem", "semiten")
_VASTI = ("vasint", "vaslat", "vasmed")
_GASTROCNEMIUS = ("gaslat", "gasmed")

MUSCLE_GROUPS: Mapping[str, tuple[str, ...]] = {
    "gluteus_maximus": _GLUTEUS_MAXIMUS,
    "gluteus_medius": _GLUTEUS_MEDIUS,
    "gluteus_minimus": _GLUTEUS_MINIMUS,
    "iliopsoas": ("iliacus", "psoas"),
    "hip_flexors": ("iliacus", "psoas", "recfem", "sart", "tfl"),
    "hip_extensors": (*_GLUTEUS_MAXIMUS, *_HAMSTRINGS, "addmagIsch"),
    "hip_abductors": (*_GLUTEUS_MEDIUS, *_GLUTEUS_MINIMUS, "tfl"),
    "hip_adductors": ("addbrev", "addlong", *_ADDUCTOR_MAGNUS, "grac"),
    "hamstrings": _HAMSTRINGS,
    "vasti": _VASTI,
    "quadriceps": (*_VASTI, "recfem"),
    "knee_flexors": (*_HAMSTRINGS, "bfsh", *_GASTROCNEMIUS, "grac", "sart"),
    "gastrocnemius": _GASTROCNEMIUS,
    "triceps_surae": (*_GASTROCNEMIUS, "soleus"),
    "plantarflexors": (*_GASTROCNEMIUS, "soleus", "tibpost", "fdl", "fhl", "perbrev", "perlong"),
    "dorsiflexors": ("tibant", "edl", "ehl"),
    "evertors": ("perbrev", "perlong"),
    "invertors": ("tibant", "tibpost"),
}
WHOLE_BODY_GROUPS: Mapping[str, tuple[str, ...]] = {
    "deltoid": ("DELT1", "DELT2", "DELT3"),
    "rotator_cuff": ("SUPSP", "INFSP", "SUBSC", "TMIN"),
    "pectoralis": ("PECM1", "PECM2", "PECM3"),
    "latissimus": ("LAT1", "LAT2", "LAT3"),
    "elbow_flexors": ("BIClong", "BICshort", "BRA", "BRD"),
    "triceps": ("TRIlong", "TRIlat", "TRImed"),
    "abdominals": ("rect_abd", "EO*", "IO*"),
    "erector_spinae": ("IL_*", "LTp*"),
    "multifidus": ("MF_*",),
    "quadratus_lumborum": ("QL_*",),
    "lumbar_psoas": ("Ps_*",),
    "trunk_extensors": ("IL_*", "LTp*", "MF_*", "QL_*"),
}
_SIDES = {"right": RIGHT, "left": LEFT}


def selection(
    selector: str,
    names: Sequence[str],
    path: str,
    groups: Mapping[str, tuple[str, ...]] = MUSCLE_GROUPS | WHOLE_BODY_GROUPS,
    body_names: BodyNames = COMMON_NAMES,
) -> np.ndarray:
    """Return which names a selector means (n,) bool.

    Args:
        selector: a name with or without its side, a group with or without a side, "right", "left" or "all".
        names: those there are (n,).
        path: of the selector in the configuration.
        groups: names without their side, by group.
        body_names: what marks the sides.

    Raises:
        ConfigError: it means none of them.
    """
    wanted, own = body_names.split(selector), _sided(names, body_names)
    members = groups.get(wanted.bare, (wanted.bare,))
    if selector in _SIDES:
        chosen = [side == _SIDES[selector] for _, side in own]
    else:
        chosen = [
            selector in ("all", name) or (_among(bare, members) and wanted.side in (None, side))
            for name, (bare, side) in zip(names, own, strict=True)
        ]
    if not any(chosen):
        kinds = list(dict.fromkeys(bare for bare, _ in own if bare != "world"))
        known = [group for group, inside in groups.items() if any(_among(kind, inside) for kind in kinds)]
        candidates = [
            *names,
            *kinds,
            *known,
            *(body_names.sided(k, side) for k in known for side in _SIDES.values()),
            *_SIDES,
            "all",
        ]
        raise ConfigError(
            f"{path}: the body has nothing of the name {selector!r}.{nearest(selector, candidates)} "
            f"There are: {', '.join(dict.fromkeys(['all', *_SIDES, *known, *kinds]))}; with "
            f"{' or '.join(body_names.sides)}, on one side."
        )
    return np.array(chosen)


def _among(bare: str, members: Sequence[str]) -> bool:
    return any(fnmatchcase(bare, member) for member in members)


def _sided(names: Sequence[str], body_names: BodyNames) -> list[Sided]:
    """Names without their side; one whose twin alone says that it is left, as in myo_sim's arms, is right."""
    own = [body_names.split(name) for name in names]
    lefts = {bare for bare, side in own if side == LEFT}
    return [Sided(bare, RIGHT) if side is None and bare in lefts else Sided(bare, side) for bare, side in own]
