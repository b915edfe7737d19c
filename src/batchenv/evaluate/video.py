"""Videos of walkers, without a screen."""

import contextlib
import functools
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np

from batchenv.errors import OutputError, UsageError
from batchenv.evaluate.caption import Overlay
from batchenv.evaluate.numbers import check_number, check_seconds
from batchenv.evaluate.offscreen import LARGEST, Offscreen, checked_size, choose_backend
from batchenv.evaluate.shutter import Shutter
from batchenv.evaluate.stage import Stage
from batchenv.files import check_output_file
from batchenv.files.paths import checked_path
from batchenv.interrupts import held_back

WIDTH, HEIGHT = 1280, 720
_FINER = 1.25
_FFMPEG_ADVICE = "pip install 'batchenv[viewer]' brings one; IMAGEIO_FFMPEG_EXE may name another"
# ffmpeg's encoder, filter and options by the suffix of the file; a GIF has its own palette and half the size.
_ENCODERS = {".mp4": "libx264", ".gif": "gif"}
_FILTERS = {
    ".mp4": "scale=ceil({0}/2)*2:ceil({1}/2)*2:flags=area",
    ".gif": "scale={0}/2:{1}/2:flags=area,split[a][b];[a]palettegen[p];[b][p]paletteuse",
}
_OPTIONS = {
    ".mp4": ["-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf", "10", "-vf"],
    ".gif": ["-vf"],
}


def finer(width: int, height: int) -> tuple[int, int]:
    """Size of pictures that are drawn for a video of this size: shrinking them smooths their edges.

    Raises:
        InputError: no picture has that size.
    """
    width, height = checked_size(width, height)
    factor = min(_FINER, LARGEST / max(width, height))
    return round(factor * width), round(factor * height)


def film(
    stage: Stage,
    seconds: float,
    width: int = WIDTH,
    height: int = HEIGHT,
    slow: float = 1.0,
    overlay: Overlay | None = None,
) -> Iterator[np.ndarray]:
    """Step walkers and yield pictures (height, width, 3), `stage.fps` of them a second.

    Args:
        stage: the walkers.
        seconds: length of the film [s].
        width, height: of a picture, whose edges are not smoothed; see `finer`.
        slow: factor of slow motion, 1 for real time; more pictures are drawn within a step then.
        overlay: draws over the pictures.

    Raises:
        InputError: no film is that long, that slow or of that size.
        UsageError: this machine cannot render.
    """
    check_seconds("seconds", seconds)
    check_number("slow", slow, 1.0, stage.slowest)
    return _film(stage, seconds, *checked_size(width, height), slow, overlay)


def _film(
    stage: Stage, seconds: float, width: int, height: int, slow: float, overlay: Overlay | None
) -> Iterator[np.ndarray]:
    scene, taken = stage.new_scene(), []
    with Offscreen(stage.model, width, height, samples=0) as screen:

        def take() -> None:
            stage.draw(scene)
            taken.append(screen.render(scene, overlay).copy())

        shutter = Shutter(stage, take)
        left = max(1, round(seconds * stage.fps))
        take()
        while left > 0:
            yield from taken[:left]
            left -= len(taken)
            taken.clear()
            if left > 0:
                shutter.step(slow)


def check_video(file: str | Path) -> None:
    """Refuse a file that no video can be written to, and a machine that cannot film.

    Raises:
        InputError: it has another suffix than .mp4 and .gif.
        OutputError: its directory does not exist, or a file of that name cannot be written.
        UsageError: OpenGL, imageio-ffmpeg or ffmpeg itself is missing or does not work.
    """
    file = checked_path("file", file)
    _check_file(file)
    choose_backend()


def write_video(
    file: str | Path, frames: Iterable[np.ndarray], fps: float, size: tuple[int, int] | None = None
) -> int:
    """Write pictures (height, width, 3) as a video; return how many.

    The file takes its name when it is whole. If the pictures end in an exception, Ctrl-C included, the video
    of those before is kept and the exception passed on.

    Args:
        file: to write, .mp4 or .gif; a GIF is half as wide and high.
        frames: the pictures.
        fps: how many are shown in a second [Hz].
        size: width and height that they are brought to; by default their own.

    Raises:
        InputError: the file has another suffix than .mp4 and .gif.
        OutputError: the file cannot be written, now or when the disk is full.
        UsageError: imageio-ffmpeg or ffmpeg itself is missing or does not work.
    """
    file = checked_path("file", file)
    exe = _check_file(file)
    partial = file.with_name(f".{file.stem}.{secrets.token_hex(8)}.partial{file.suffix}")
    with tempfile.TemporaryFile() as said:
        pictures = _Pictures(exe, partial, fps, said, size)
        try:
            with held_back() as check:
                for frame in frames:
                    pictures.add(frame)
                    check()
        finally:
            reason = pictures.close()
            if reason:
                partial.unlink(missing_ok=True)
                raise OutputError(f"{file}: the video could not be written ({reason})")
            if pictures.count:
                os.replace(partial, file)
    return pictures.count


class _Pictures:
    """An ffmpeg that makes a video of the pictures it is given; they are all as large as the first."""

    def __init__(self, exe: str, file: Path, fps: float, said: IO[bytes], size: tuple[int, int] | None):
        self._exe, self._file, self._fps = exe, file, Fraction(fps).limit_denominator(1000)
        self._process: subprocess.Popen[bytes] | None = None
        self._size, self._said = size, said  # what ffmpeg complains about
        self.count = 0

    def add(self, frame: np.ndarray) -> None:
        if self._process is None:
            self._process = self._start(*frame.shape[1::-1])
        assert self._process.stdin is not None
        self._process.stdin.write(np.ascontiguousarray(frame).data)
        self.count += 1

    def close(self) -> str:
        """End the video; return what went wrong, or ""."""
        if self._process is None:
            return ""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        failed = self._process.wait() != 0
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return (lines[-1] if lines else f"ffmpeg ended with {self._process.returncode}") if failed else ""

    def _start(self, width: int, height: int) -> subprocess.Popen[bytes]:
        suffix = self._file.suffix.lower()
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(self._fps)]
        words = [self._exe, "-v", "error", *source, "-i", "-", "-an"]
        sides = self._size or ("iw", "ih")
        words += ["-codec:v", _ENCODERS[suffix], *_OPTIONS[suffix], _FILTERS[suffix].format(*sides)]
        words.append(f"file:{self._file.absolute()}")
        # In a session of its own, Ctrl-C does not reach it and the video is ended as it should be.
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True
        )


def _check_file(file: Path) -> str:
    """Return the ffmpeg that can write this file; raises as `write_video` does."""
    check_output_file(file, suffixes=tuple(_OPTIONS))
    exe, encoder = _executable(), _ENCODERS[file.suffix.lower()]
    if encoder not in _encoders(exe):
        raise UsageError(f"{exe} writes no {file.suffix} videos: it lacks the encoder {encoder}")
    return exe


def _executable() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UsageError("videos need imageio-ffmpeg: pip install 'batchenv[viewer]'") from error
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UsageError(f"videos need ffmpeg, and there is none: {_FFMPEG_ADVICE}") from error


@functools.cache
def _encoders(exe: str) -> frozenset[str]:
    """Names of the encoders that an ffmpeg has.

    Raises:
        UsageError: it does not run.
    """
    try:
        listed = subprocess.run(
            [exe, "-hide_banner", "-encoders"], capture_output=True, text=True, timeout=60.0, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"videos need ffmpeg, and {exe} does not run ({error}): {_FFMPEG_ADVICE}") from error
    return frozenset(line.split()[1] for line in listed.stdout.splitlines() if len(line.split()) > 1)
