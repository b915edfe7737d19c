"""Recorders of a user's own that cannot be."""

from pathlib import Path

import pytest

from batchenv import BatchEnv, ConfigError, load_config
from batchenv.build import check_scene


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("own", "0", r"own.py:own has the shape \(0,\); expected whole numbers from 1"),
        ("own", "-1", r"has the shape \(-1,\)"),
        ("own", "2.5", r"has the shape \(2.5,\)"),
        ("own", "'a'", r"has the shape \('a',\)"),
        ("own", "10**9", "65,536 numbers at most"),
        ("root_pos", "2", "root_pos is a quantity, too; rename the recorder"),
        ("target", "2", "recorder target: the engine keeps something of this name; rename the function"),
    ],
)
def test_a_recorder_of_an_impossible_shape_or_name_is_refused(
    tmp_path: Path, name: str, shape: str, message: str
):
    file = tmp_path / "own.py"
    file.write_text(f"from batchenv import recorder\n@recorder({shape})\ndef {name}(out): out[0] += 1.0\n")
    config = load_config("torque").replace({"environment.simulation.recorders": [f"{file}:{name}"]})
    with pytest.raises(ConfigError, match=message):
        BatchEnv(config, 1, 1)


def test_a_check_compiles_recorders(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text("from batchenv import recorder\n@recorder(2)\ndef own(out, qvl): out[0] += qvl[0]\n")
    config = load_config("torque").replace({"environment.simulation.recorders": [f"{file}:own"]})
    with pytest.raises(ConfigError, match="recorder own: parameter 'qvl' names nothing. Did you mean 'qvel'"):
        check_scene(config)
