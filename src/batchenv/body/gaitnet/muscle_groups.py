"""Muscles of GaitNet's files by what they do: the groups of `batchenv.body.muscle_groups`, and strands."""

from collections.abc import Mapping, Sequence

from batchenv.body.names import BodyNames

_HAMSTRINGS = ("Bicep_Femoris_Longus", "Semimembranosus", "Semitendinosus")
_ILIOPSOAS = ("iliacus", "Psoas_Major")
_VASTI = ("Vastus_Intermedius", "Vastus_Lateralis", "Vastus_Medialis")
_GASTROCNEMIUS = ("Gastrocnemius_Lateral_Head", "Gastrocnemius_Medial_Head")
_PERONEI = ("Peroneus_Brevis", "Peroneus_Longus")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "gluteus_maximus": ("Gluteus_Maximus",),
    "gluteus_medius": ("Gluteus_Medius",),
    "gluteus_minimus": ("Gluteus_Minimus",),
    "iliopsoas": _ILIOPSOAS,
    "hip_flexors": (*_ILIOPSOAS, "Rectus_Femoris", "Sartorius", "Tensor_Fascia_Lata"),
    "hip_extensors": ("Gluteus_Maximus", *_HAMSTRINGS),
    "hip_abductors": ("Gluteus_Medius", "Gluteus_Minimus", "Tensor_Fascia_Lata"),
    "hip_adductors": ("Adductor_Brevis", "Adductor_Longus", "Adductor_Magnus", "Gracilis", "Pectineus"),
    "hamstrings": _HAMSTRINGS,
    "vasti": _VASTI,
    "quadriceps": (*_VASTI, "Rectus_Femoris"),
    "knee_flexors": (*_HAMSTRINGS, "Bicep_Femoris_Short", *_GASTROCNEMIUS, "Gracilis", "Sartorius"),
    "gastrocnemius": _GASTROCNEMIUS,
    "triceps_surae": (*_GASTROCNEMIUS, "Soleus"),
    "plantarflexors": (
        *(*_GASTROCNEMIUS, "Soleus", "Plantaris", "Tibialis_Posterior"),
        *("Flexor_Digitorum_Longus", "Flexor_Hallucis", *_PERONEI),
    ),
    "dorsiflexors": (
        *("Tibialis_Anterior", "Extensor_Digitorum_Longus", "Extensor_Hallucis_Longus", "Peroneus_Tertius"),
    ),
    "evertors": _PERONEI,
    "invertors": ("Tibialis_Anterior", "Tibialis_Posterior"),
}
"""Names without their side and the number of their strand, by group."""


def gaitnet_groups(muscles: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return names without their side by group; the strands of a muscle (Soleus, Soleus1) are one, too."""
    sides = BodyNames(sides=("R_", "L_"))
    strands: dict[str, tuple[str, ...]] = {}
    for bare in dict.fromkeys(map(sides.without_side, muscles)):
        whole = bare.rstrip("0123456789")
        strands[whole] = (*strands.get(whole, ()), bare)
    groups = {
        group: tuple(strand for name in members for strand in strands.get(name, ()))
        for group, members in GROUPS.items()
    }
    return strands | groups
