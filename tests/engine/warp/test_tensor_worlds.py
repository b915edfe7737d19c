"""Worlds whose state stays on a Warp device as Torch tensors, by themselves."""

import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")
pytest.importorskip("torch", reason="needs the extra train")

import torch

from batchenv.body import Body
from batchenv.engine import ControlLaw
from batchenv.engine.warp.tensor_worlds import TensorWorlds, usable_device
from batchenv.errors import UsageError
from tests.engine.walking_worlds import KP


def test_a_torch_without_cuda_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device 'cuda:0': .* install a build of Torch for CUDA"):
        usable_device("cuda:0")
    assert usable_device("cpu") == torch.device("cpu")


def test_tensors_are_the_memory_that_mujoco_warp_works_in(body: Body):
    worlds = TensorWorlds(body, ControlLaw("mass", *body.default_gains(KP, None)), 2, 3, "cpu")
    for name in ("qpos", "qvel", "act", "userdata"):
        assert worlds.bind(name).data_ptr() == getattr(worlds._d, name).ptr
    worlds.set_targets(0.25)
    assert (worlds._d.userdata.numpy()[:, worlds.layout.columns("target")] == 0.25).all()
    with pytest.raises(UsageError, match="engine 'warp' has no field 'qqq' of worlds; give engine 'numba'"):
        worlds.bind("qqq")
