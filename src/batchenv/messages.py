"""Silence for MuJoCo's warnings while worlds step; MuJoCo counts them by world."""

# Numba re-exports untyped names.
# pyright: reportPrivateImportUsage=false

import ctypes
import functools
import os
import threading
from pathlib import Path
from typing import Any

import mujoco
from numba import types

from batchenv.compiled import c_function, once


@functools.cache
def mujoco_global(name: str) -> ctypes.c_void_p:
    """A pointer among the global variables of MuJoCo's library, to be read and written where it lies."""
    folder = Path(mujoco.__file__).parent
    library = next(file for file in folder.iterdir() if file.name.startswith("libmujoco."))
    return ctypes.c_void_p.in_dll(ctypes.CDLL(str(library)), name)


@once
def _ignore():
    """Compile a handler that drops messages; worker threads call it, and none of them waits for the GIL."""

    @c_function(types.void(types.voidptr), allocates=False)
    def ignore(message):
        return

    return ignore


class Quiet:
    """Context in which MuJoCo's warnings are dropped, unless the user has a handler for them.

    Without one, MuJoCo prints warnings and appends them to MUJOCO_LOG.TXT in the working directory. The
    handler is one of the whole process: it is set while any thread is in the context, and taken back after.
    """

    def __init__(self) -> None:
        self._handler: ctypes.c_void_p = mujoco_global("mju_user_warning")
        self._lock, self._inside = threading.Lock(), 0
        self._own: Any = _ignore().address
        # A fork may come while another thread holds the lock, which then nobody in it lets go.
        os.register_at_fork(after_in_child=quiet.cache_clear)

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._handler.value is None:
                self._handler.value = self._own

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._handler.value == self._own:
                self._handler.value = None


@once
def quiet() -> Quiet:
    """Return the one context of this process."""
    return Quiet()
