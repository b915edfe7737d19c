import numpy as np
import pytest

from batchenv.errors import InputError, OutputError, UsageError
from batchenv.evaluate import offscreen
from batchenv.evaluate.caption import caption
from batchenv.evaluate.drawing import ground_reactions
from batchenv.evaluate.offscreen import BACKENDS, choose_backend, usable
from batchenv.evaluate.stage import Stage
from batchenv.evaluate.video import check_video, film, write_video
from tests.evaluate.untrained import untrained

needs_opengl = pytest.mark.skipif(
    not any(usable(backend) for backend in BACKENDS),
    reason="needs OpenGL without a screen: apt-get install libegl1 or libosmesa6",
)


def test_arrows_are_the_forces_that_the_ground_sensors_feel():
    with Stage(untrained(), num_threads=1) as stage:
        felt = []
        for _ in range(12):
            stage.step()
            stage.pose(0)
            arrows = ground_reactions(stage.figure.look, stage.data)
            address = stage.env.body.grf_sensor_adr[:, None] + np.arange(3)
            sensed = [force for force in stage.data.sensordata[address] if force[2] > 20.0]
            assert [force for force, _ in arrows] == [pytest.approx(force, abs=1e-6) for force in sensed]
            assert all(abs(place[2]) < 0.02 for _, place in arrows)
            felt += sensed
        assert len(felt) > 6


def test_walkers_keep_their_lanes_and_start_over_where_they_fell():
    with Stage(untrained(), grid=(2, 3), num_threads=1) as stage:
        heads = []
        for _ in range(70):
            stage.step()
            places = []
            for world in range(6):
                stage.pose(world)
                places.append(stage.data.qpos[:3] @ stage.env.task.axes.T)
            heads.append(places)
        heads = np.array(heads)
    assert stage.falls >= 6
    assert np.abs(np.diff(heads[:, :, 0], axis=0)).max() < 0.2  # 5 m/s: nobody walks so, all jumps are longer
    assert np.sort(heads[0, :, 1].round(1)).tolist() == [-1.1, -1.1, 0.0, 0.0, 1.1, 1.1]
    assert heads[-1, :, 0].mean() > 1.5


@needs_opengl
def test_a_picture_shows_a_walker_before_sky_and_floor():
    with Stage(untrained(), contacts=True, num_threads=1) as stage:
        frames = [frame.copy() for frame in film(stage, 0.4, width=320, height=180)]
    assert len(frames) == 12 and frames[0].shape == (180, 320, 3)
    last = frames[-1].astype(int)
    assert last[:30].mean() > last[150:].mean()  # sky above floor
    red = (last[..., 0] > 120) & (last[..., 1] < 80) & (last[..., 2] < 90)
    assert 10 < red.sum() < 5000  # active muscles
    assert np.abs(last - frames[0]).mean() > 1.0


@needs_opengl
def test_a_caption_stands_at_the_edges_of_the_picture():
    with Stage(untrained(), num_threads=1) as stage:
        plain, written = (
            next(film(stage, 0.1, 640, 360, overlay=over)).astype(int) for over in (None, caption(stage))
        )
    changed = np.abs(written - plain).max(axis=2) > 20
    assert changed[:60, :180].any() and changed[300:, :180].any() and not changed[120:280, 300:].any()
    bar = written[300:352, 9:137].reshape(-1, 3)
    assert (bar[:, 0] > bar[:, 2] + 100).any() and (bar[:, 2] > bar[:, 0] + 50).any()  # red, and blue


@needs_opengl
def test_a_video_holds_a_picture_of_every_step(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    with Stage(untrained(), num_threads=1) as stage:
        assert write_video(tmp_path / "w.mp4", film(stage, 0.2, width=160, height=96), stage.fps) == 6
    count, seconds = imageio_ffmpeg.count_frames_and_secs(tmp_path / "w.mp4")
    assert count == 6 and seconds == pytest.approx(0.2, abs=0.01)


def test_a_video_that_cannot_be_written_is_refused(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(InputError, match="expected a name that ends with .mp4 or .gif"):
        check_video(tmp_path / "w.avi")
    with pytest.raises(OutputError, match="there is no directory"):
        check_video(tmp_path / "no" / "w.mp4")


def test_a_machine_without_opengl_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(offscreen, "usable", lambda backend: False)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(UsageError, match="no OpenGL.*apt-get install -y libegl1"):
        choose_backend()
    monkeypatch.setenv("MUJOCO_GL", "egl")
    with pytest.raises(UsageError, match="MUJOCO_GL is 'egl', which does not work"):
        choose_backend()


def test_the_first_backend_that_works_is_chosen_unless_one_is_named(monkeypatch):
    monkeypatch.setattr(offscreen, "usable", lambda backend: True)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert choose_backend() == "egl"
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert choose_backend() == "osmesa"
