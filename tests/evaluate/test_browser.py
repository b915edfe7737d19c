"""What the browser is sent; `tests/browser` looks at the page itself."""

import socket
import sys

import mujoco
import numpy as np
import pytest

from batchenv.config import load_config
from batchenv.errors import InputError, UsageError
from batchenv.evaluate.browser import Browser, check_browser
from batchenv.evaluate.stage import Stage
from tests.evaluate.untrained import untrained
from tests.tasks.test_command import CONFIG


@pytest.fixture(scope="module")
def stage():
    with Stage(untrained(), (1, 2), num_threads=1) as made:
        yield made


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_a_page_is_refused_without_viser_or_a_free_port(monkeypatch, port):
    with socket.socket() as taken:
        taken.bind(("localhost", port))
        taken.listen()
        with pytest.raises(UsageError, match=f"port {port} of localhost cannot be opened .*another port"):
            check_browser("localhost", port)
    with pytest.raises(InputError, match="port is 0; expected a whole number from 1 to 65,535"):
        check_browser(port=0)
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(UsageError, match=r"needs viser: pip install 'batchenv\[browser\]'"):
        check_browser("localhost", port)


def test_muscles_run_where_mujoco_draws_them(stage):
    pytest.importorskip("viser")
    from batchenv.evaluate.browser_scene import most_segments, muscle_segments

    stage.pose(0)
    scene = stage.new_scene()
    mujoco.mjv_updateScene(
        stage.model, stage.data, stage.option, None, stage.camera.mujoco, mujoco.mjtCatBit.mjCAT_ALL, scene
    )
    drawn = [geom for geom in scene.geoms[: scene.ngeom] if geom.objtype == mujoco.mjtObj.mjOBJ_TENDON]
    ends, tendon, radius = muscle_segments(stage.model, stage.data)
    straight = 0
    for each in range(stage.model.ntendon):
        geoms, own = [geom for geom in drawn if geom.objid == each], ends[tendon == each]
        if len(geoms) == len(own):  # MuJoCo rounds paths that bend around a geom
            straight += 1
            assert np.array([geom.pos for geom in geoms]) == pytest.approx(own.mean(axis=1), abs=1e-6)
            assert [geom.size[0] for geom in geoms] == pytest.approx(radius[tendon == each].tolist())
    assert straight > 60 and set(tendon) == set(range(stage.model.ntendon))
    assert len(ends) <= most_segments(stage.model)


def test_the_scene_shows_every_body_of_every_walker_where_it_is(stage, port):
    pytest.importorskip("viser")
    with Browser(stage, port=port) as page:
        page.run(0.1)
        scene = page._scene
        for world in (0, 1):
            stage.pose(world)
            for body, mesh in zip(scene._bodies, scene._meshes, strict=True):
                assert mesh.batched_positions[world] == pytest.approx(
                    stage.data.xpos[body] - scene._middle, abs=1e-5
                )
        red, blue = scene._muscles.batched_colors[:, 0], scene._muscles.batched_colors[:, 2]
        assert (scene._muscles.batched_scales[:, 2] > 0.0).sum() > 400
        assert red.max() > 150 and blue.max() > 200
        assert scene.forces.shape == (2, 2, 3) and scene.forces[..., 2].sum(axis=1).min() > 200.0
        assert page._panel._forces._data()[0][-1] == pytest.approx(stage.seconds)
    with socket.socket() as probe:
        probe.bind(("localhost", port))


def test_a_command_is_shown_whatever_its_range(port):
    pytest.importorskip("viser")
    walker = untrained(load_config(CONFIG)).with_changes(
        {"environment.commands.walking_velocity": {"speed": [0.5, 1.5], "yaw_rate": [0.0, 0.0]}}
    )
    with Stage(walker, num_threads=1) as stage:
        stage.env.set_command([0], {"speed": 2.0})
        with Browser(stage, port=port) as page:
            page.run(0.1)
            shown = page._panel._sliders
            assert shown["speed"].value == 2.0 and shown["yaw_rate"].value == 0.0
