import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")

from batchenv.errors import InputError, OutputError, UsageError  # noqa: E402
from batchenv.evaluate import video  # noqa: E402
from batchenv.evaluate.video import write_video  # noqa: E402


def pictures(count: int, interrupted_after: int | None = None):
    for k in range(count):
        if k == interrupted_after:
            os.kill(os.getpid(), signal.SIGINT)
        yield np.full((46, 62, 3), 10 * k, np.uint8)


def frames_of(file: Path) -> int:
    """Pictures that ffmpeg finds in a video."""
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(file), "-f", "framemd5", "-"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return sum(not line.startswith("#") for line in listed.splitlines())


@pytest.mark.parametrize("name", ["walk.mp4", "walk.gif", "-y.mp4"])
def test_a_video_has_the_pictures_it_was_given(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert write_video(name, pictures(7), 30.0) == 7
    assert frames_of(tmp_path / name) == 7
    assert os.listdir(tmp_path) == [name]


def test_ctrl_c_keeps_the_video_of_the_pictures_before(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "walk.mp4", pictures(20, interrupted_after=5), 30.0)
    assert frames_of(tmp_path / "walk.mp4") == 6
    assert os.listdir(tmp_path) == ["walk.mp4"]


def test_an_ffmpeg_that_is_not_there_is_said_before_filming(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nonexistent/ffmpeg")
    with pytest.raises(UsageError, match=r"/nonexistent/ffmpeg does not run .*IMAGEIO_FFMPEG_EXE may name"):
        video.check_video(tmp_path / "walk.mp4")


def test_an_ffmpeg_that_fails_is_an_error_that_says_why(tmp_path, monkeypatch):
    fake = tmp_path / "ffmpeg"
    fake.write_text(
        '#!/bin/sh\n[ "$2" = -encoders ] && echo " V libx264 x" && exit 0\n'
        "cat > /dev/null\necho 'No space left on device' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    with pytest.raises(OutputError, match=r"walk.mp4: .*could not be written \(No space left on device\)"):
        write_video(tmp_path / "walk.mp4", pictures(3), 30.0)
    with pytest.raises(UsageError, match="writes no .gif videos: it lacks the encoder gif"):
        write_video(tmp_path / "walk.gif", pictures(3), 30.0)
    assert os.listdir(tmp_path) == ["ffmpeg"]


def test_files_that_cannot_be_videos_are_refused(tmp_path):
    (tmp_path / "walk.gif").mkdir()
    with pytest.raises(InputError, match="expected a name that ends with .mp4 or .gif"):
        video.check_video(tmp_path / "walk.mov")
    with pytest.raises(OutputError, match="it is a directory"):
        video.check_video(tmp_path / "walk.gif")
    with pytest.raises(OutputError, match="there is no directory"):
        video.check_video(tmp_path / "no" / "walk.gif")


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), 1e9, "3", True])
def test_films_of_no_length_are_refused(seconds):
    with pytest.raises(InputError, match=f"seconds is {seconds!r}; expected a number from 0.001 to 86400 s"):
        video.film(None, seconds)  # pyright: ignore[reportArgumentType]
