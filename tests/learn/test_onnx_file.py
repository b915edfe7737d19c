"""Policies as ONNX compute what they compute in NumPy."""

import json

import numpy as np
import pytest

from batchenv.errors import BatchEnvError, InputError
from batchenv.evaluate.walker import load_walker
from batchenv.learn import onnx_file
from batchenv.learn.onnx_file import save_onnx

runtime = pytest.importorskip("onnxruntime", reason="pip install 'batchenv[export]'")


@pytest.fixture(scope="module")
def policy():
    return load_walker("walk").policy


def test_another_runtime_computes_the_same_actions(policy, tmp_path):
    file = tmp_path / "walk.onnx"
    assert save_onnx(policy, file, {"control_hz": "30"}) < 1e-5
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape) == ("obs", ["N", len(policy.observations)])
    assert (returned.name, returned.shape) == ("actions", ["N", len(policy.actions)])
    obs = np.random.default_rng(1).normal(0.0, 3.0, (7, len(policy.mean))).astype(np.float32)
    assert session.run(None, {"obs": obs})[0] == pytest.approx(policy(obs), rel=1e-5, abs=1e-5)
    texts = session.get_modelmeta().custom_metadata_map
    assert json.loads(texts["observations"]) == list(policy.observations)
    assert json.loads(texts["actions"]) == list(policy.actions)
    assert texts["steps"] == str(policy.steps) and texts["control_hz"] == "30"


def test_a_file_that_computes_other_actions_is_not_written(policy, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "TOLERANCE", 1e-12)
    with pytest.raises(BatchEnvError, match="differ by .* more than 1e-12; .*walk.onnx is not written"):
        save_onnx(policy, tmp_path / "walk.onnx")
    with pytest.raises(InputError, match="walk.pt: expected a name that ends with .onnx"):
        save_onnx(policy, tmp_path / "walk.pt")
    assert not list(tmp_path.iterdir())
