"""Presets for tests that try each; those with bodies of their own are slow to build."""

import pytest

from batchenv import PRESETS

OTHER_BODIES = {
    *("full_body", "legs_26", "legs_trunk", "track_full_body", "trendelenburg", "trendelenburg_adapted"),
}
EACH_PRESET = [
    pytest.param(name, marks=pytest.mark.slow) if name in OTHER_BODIES else name for name in sorted(PRESETS)
]
