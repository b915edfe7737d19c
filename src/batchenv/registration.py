"""Ids of the presets in Gymnasium's registry.

Gymnasium 1.0 dropped the plugins that registered without an import: `import batchenv` registers, or Gymnasium
imports it where the id begins with "batchenv:".
"""

import gymnasium

from batchenv.shipped import PRESETS

NAMESPACE, VERSION = "batchenv", 0


def preset_id(preset: str) -> str:
    """The id of a preset.

    >>> preset_id("walk_gentle")
    'batchenv/WalkGentle-v0'
    """
    return f"{NAMESPACE}/{''.join(word.capitalize() for word in preset.split('_'))}-v{VERSION}"


def register_presets() -> None:
    """Register every preset; again is harmless.

    Episodes are truncated by the environment itself, so that no time limit is wrapped around it.
    """
    for preset in PRESETS:
        if preset_id(preset) not in gymnasium.registry:
            gymnasium.register(  # pyright: ignore[reportUnknownMemberType]
                preset_id(preset),
                entry_point="batchenv.vector.single_env:Env",
                vector_entry_point="batchenv.vector.vector_env:VectorEnv",
                kwargs={"config": preset},
            )
