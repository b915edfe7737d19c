"""Policies as ONNX: normalisation and network in one graph, for any runtime."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import BatchEnvError, InputError
from batchenv.extras import import_extra
from batchenv.files import check_output_file, write_atomically
from batchenv.files.paths import checked_path
from batchenv.learn.policy import Policy

INPUT, OUTPUT = "obs", "actions"
TOLERANCE = 1e-5
_OPSET, _IR_VERSION = 17, 8  # of 2022, which all runtimes read
_TRIALS = 1000


def onnx_modules() -> tuple[Any, Any]:
    """Return onnx and onnxruntime.

    Raises:
        UsageError: one is not installed.
    """
    return import_extra("onnx", "an ONNX file"), import_extra("onnxruntime", "an ONNX file")


def save_onnx(policy: Policy, path: str | Path, metadata: dict[str, str] | None = None) -> float:
    """Write a policy, and compare what onnxruntime makes of it with the policy itself.

    The graph has one input, `obs` (N, obs_dim), and one output, `actions` (N, action_dim), float32 both. Its
    metadata hold the names of the columns, as JSON.

    Args:
        policy: to write.
        path: the file, .onnx; replaced if it exists.
        metadata: further texts by key.

    Returns:
        The largest difference of any action, for 1,000 observations spread as in training, relative to that
        action, or to 1 where it is smaller.

    Raises:
        InputError: the file has another ending.
        BatchEnvError: the difference is above 1e-5; nothing is written.
        OutputError: the file cannot be written.
        UsageError: onnx or onnxruntime is not installed.
    """
    path = checked_path("path", path)
    if path.suffix != ".onnx":
        raise InputError(f"{path}: expected a name that ends with .onnx")
    check_output_file(path)
    onnx, runtime = onnx_modules()
    contents = _model(onnx, policy, metadata or {}).SerializeToString()
    difference = _difference(runtime, contents, policy)
    if not difference <= TOLERANCE:
        raise BatchEnvError(
            f"onnxruntime computes actions that differ by {difference:g} from the policy's, more than"
            f" {TOLERANCE:g}; {path} is not written"
        )
    write_atomically(path, lambda file: file.write(contents))
    return difference


def _model(onnx: Any, policy: Policy, metadata: dict[str, str]) -> Any:
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    tensors = {"mean": policy.mean, "scale": policy.scale}
    nodes = [
        helper.make_node("Sub", [INPUT, "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["hidden_0"]),
    ]
    last = len(policy.weights) - 1
    for i, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        tensors |= {f"weight_{i}": weight, f"bias_{i}": bias}
        out = OUTPUT if i == last else f"sum_{i}"
        nodes.append(helper.make_node("Gemm", [f"hidden_{i}", f"weight_{i}", f"bias_{i}"], [out], transB=1))
        if i < last:
            nodes.append(helper.make_node("Elu", [out], [f"hidden_{i + 1}"]))
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info(INPUT, float32, ["N", len(policy.observations)])],
        [helper.make_tensor_value_info(OUTPUT, float32, ["N", len(policy.actions)])],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name)
            for name, array in tensors.items()
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="batchenv",
    )
    columns = {"observations": policy.observations, "actions": policy.actions}
    texts = {name: json.dumps(value) for name, value in columns.items()} | {"steps": str(policy.steps)}
    helper.set_model_props(model, texts | metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def _difference(runtime: Any, contents: bytes, policy: Policy) -> float:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    draws = np.random.default_rng(0).standard_normal((_TRIALS, len(policy.mean)))
    obs = (policy.mean + policy.scale * draws).astype(np.float32)
    expected = policy(obs)
    (computed,) = session.run([OUTPUT], {INPUT: obs})
    return float((np.abs(computed - expected) / np.maximum(1.0, np.abs(expected))).max())
