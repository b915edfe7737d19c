"""Walkers on a page of a browser: watched, told where to go, and pushed."""

import contextlib
import io
import math
import socket
import time
from typing import Any, Self

from batchenv.errors import UsageError
from batchenv.evaluate.numbers import check_count
from batchenv.evaluate.remote import Remote
from batchenv.evaluate.shutter import Clock, Shutter
from batchenv.evaluate.stage import Stage
from batchenv.interrupts import held_back

HOST, PORT = "localhost", 8080
_IDLE_SECONDS = 0.03  # between two looks at the page of who paused [s]


def check_browser(host: str = HOST, port: int = PORT) -> None:
    """Refuse a page that cannot be served.

    Raises:
        InputError: no port has that number.
        UsageError: viser is missing, or the port is taken.
    """
    check_count("port", port, 65_535)
    try:
        import viser  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise UsageError("the page for the browser needs viser: pip install 'batchenv[browser]'") from error
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(
            f"port {port} of {host} cannot be opened ({error.strerror}): close the program that uses it, or "
            "choose another port"
        ) from error


def open_server(host: str, port: int, title: str) -> Any:
    """Return viser's server of a page.

    Raises:
        UsageError: the port was taken just now.
    """
    import viser

    with silence():
        server = viser.ViserServer(host=host, port=port, label=title, verbose=False)
    # Any client may ask viser for a public address of the page, button or not.
    server.request_share_url = _refuse_to_share
    if server.get_port() != port:  # somebody took it just now
        with silence():
            server.stop()
        raise UsageError(f"port {port} of {host} was taken just now: choose another port")
    return server


class Browser:
    """A page that shows a stage.

    Args:
        stage: the walkers.
        host: name or address that the page is served at; "0.0.0.0" lets other machines see it, and push.
        port: where.
        title: of the page.

    Raises:
        UsageError: viser is missing, or the port is taken.

    Attributes:
        url: of the page.
    """

    def __init__(self, stage: Stage, host: str = HOST, port: int = PORT, title: str = "batchenv"):
        check_browser(host, port)
        from batchenv.evaluate.browser_panel import Panel
        from batchenv.evaluate.browser_scene import BrowserScene

        self._stage, self._remote, self._stopped = stage, Remote(stage), False
        self._server = open_server(host, port, title)
        self.url = f"http://{host}:{port}"
        self._scene = BrowserScene(self._server, stage)
        self._shutter, self._clock = Shutter(stage, self._draw), Clock()
        self._panel = Panel(self._server, stage, self._remote, self._scene, stage.slowest, title)

    def run(self, seconds: float | None = None) -> None:
        """Let the walkers walk in real time, or as fast as this machine can, until Ctrl-C or `stop`.

        Args:
            seconds: of walking after which this ends [s].
        """
        end = math.inf if seconds is None else self._stage.seconds + seconds
        with held_back() as check:
            while self._stage.seconds < end and not self._stopped:
                check()
                self._remote.obey()
                if self._remote.paused:
                    self._panel.rest()
                    time.sleep(_IDLE_SECONDS)
                else:
                    self._shutter.step(self._remote.slow)

    def stop(self) -> None:
        """End `run` after its next picture, from any thread."""
        self._stopped = True

    def close(self) -> None:
        """Close the page."""
        with silence():
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _draw(self) -> None:
        self._scene.update()
        self._panel.update()
        self._clock.wait(1.0 / self._stage.fps)


def _refuse_to_share(*args: Any, **kwargs: Any) -> None:
    """Make no public address."""


def silence() -> contextlib.redirect_stdout[io.StringIO]:
    """Keep what viser prints from standard output, which is the caller's."""
    return contextlib.redirect_stdout(io.StringIO())
