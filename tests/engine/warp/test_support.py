"""What the engine warp refuses, by name."""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from batchenv import load_config
from batchenv.build import build_scene
from batchenv.engine import ControlLaw, NetworkSpec, Records
from batchenv.errors import ConfigError, UsageError
from tests.engine.walking_worlds import KP

WARP = {"environment.simulation.engine": "warp"}


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco_warp", None)
    with pytest.raises(UsageError, match=r"engine warp needs more packages.*pip install 'batchenv\[gpu\]'"):
        build_scene(load_config("walk").replace(WARP), 1, 1, 0)


def test_a_device_is_refused_where_numba_steps():
    with pytest.raises(UsageError, match=r"device 'cuda' needs environment.simulation.engine warp"):
        build_scene(load_config("walk"), 1, 1, 0, "cuda")


def test_parameters_of_worlds_are_refused_by_name():
    config = load_config("weak_gluteus").replace(WARP)
    with pytest.raises(ConfigError, match=r"environment.parameters.muscle.strength.* engine 'warp'"):
        build_scene(config, 1, 1, 0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"actuator": "pd"}, "actuator 'pd'"),
        ({"network": NetworkSpec(keep_samples=True)}, "keep_samples of a muscle network"),
        (
            {"constraints": "tree_newton", "muscle_model": "mass"},
            "constraints 'tree_newton', muscle model 'mass'",
        ),
        ({"records": Records(muscles=True)}, "records of muscles"),
        ({"device_joints": (0,)}, "devices"),
    ],
)
def test_parts_without_kernels_are_refused_together(body, changes, named):
    support = pytest.importorskip("batchenv.engine.warp.support", reason="needs the extra gpu")
    law = dataclasses.replace(ControlLaw("mass", *body.default_gains(KP, None)), **changes)
    with pytest.raises(UsageError, match=f"engine 'warp' does not support {named}; give"):
        support.check_supported(body.mechanism(), law, measured=False)


def test_a_missing_gpu_is_told():
    pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")
    import warp as wp

    from batchenv.engine.warp.support import chosen_device

    if wp.is_cuda_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match="device 'cuda': Warp finds no CUDA device"):
        chosen_device("cuda")


def test_graphs_have_no_loops_where_the_driver_is_too_old_for_them(monkeypatch):
    support = pytest.importorskip("batchenv.engine.warp.support", reason="needs the extra gpu")
    import warp as wp

    monkeypatch.setattr(wp, "is_conditional_graph_supported", lambda: False)
    assert support.has_loops_in_graphs(SimpleNamespace(is_cpu=True))
    assert not support.has_loops_in_graphs(SimpleNamespace(is_cpu=False))
    monkeypatch.setattr(wp, "is_conditional_graph_supported", lambda: True)
    assert support.has_loops_in_graphs(SimpleNamespace(is_cpu=False))


def test_there_is_room_for_the_constraints_of_all_contacts(body):
    support = pytest.importorskip("batchenv.engine.warp.support", reason="needs the extra gpu")
    model = body.model
    limits = int(model.jnt_limited.sum())
    assert support.most_rows(model, 0) == model.neq + limits + np.count_nonzero(model.dof_frictionloss)
    assert support.most_rows(model, 2) - support.most_rows(model, 0) == 2 * 4
