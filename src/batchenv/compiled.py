"""Compiled functions, cached on disk until any of their sources changes.

Numba's cache looks at the file that a function stands in, and not at those whose functions and constants are
compiled into it. Here a function's cache carries a digest of its file and of all files of the package that
this one imports, directly or not.
"""

# Numba re-exports untyped names.
# pyright: reportPrivateImportUsage=false

import functools
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import llvmlite
import mujoco
import numba
import numpy as np
from numba.core import caching, config, sigutils
from numba.core.ccallback import CFunc
from numba.core.registry import CPUDispatcher

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

PACKAGE = __name__.partition(".")[0]
_ROOT = Path(__file__).parent
_IMPORT = re.compile(
    rf"^[ \t]*(?:from ({PACKAGE}[\w.]*) import (\([^)]*\)|[^\n]*)|import ({PACKAGE}[\w.]*))", re.MULTILINE
)
# Numba's settings that change what is compiled, and are no part of its own keys.
_FLAGS = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE")


def compiled(*, allocates: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function as `numba.njit` does, and cache it.

    Args:
        allocates: whether the function, or one that it calls, makes arrays. Without, Numba counts no
            references, which takes a good part of its time.
        **options: of `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(no_cfunc_wrapper=True, _nrt=allocates, **options)(function)  # pyright: ignore[reportCallIssue]
        if hasattr(dispatcher, "enable_caching"):  # with NUMBA_DISABLE_JIT it is the function itself
            dispatcher._cache = _cache_of(function)  # pyright: ignore[reportAttributeAccessIssue]
        return dispatcher

    return decorate


class _Inner(CPUDispatcher):
    def __call__(self, *args: Any, **options: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} is compiled for other compiled functions, not for Python")


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function for compiled functions alone, which Python cannot call.

    Numba takes as long for the code around a function that Python calls as for a short function itself.
    """
    if config.DISABLE_JIT:  # pyright: ignore[reportAttributeAccessIssue]  # numba sets it from the environment
        return function
    alone = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return _Inner(function, targetoptions={"nopython": True, "error_model": "numpy"} | alone)


def c_function(signature: Any, *, allocates: bool = True) -> Callable[[Callable[..., Any]], CFunc]:
    """Compile a C function as `numba.cfunc` does, and cache it.

    Args:
        signature: of Numba's types.
        allocates: see `compiled`.
    """

    def decorate(function: Callable[..., Any]) -> CFunc:
        callback = CFunc(function, sigutils.normalize_signature(signature), {}, {"_nrt": allocates})
        callback._cache = _cache_of(function)  # pyright: ignore[reportAttributeAccessIssue]
        callback.compile()
        return callback

    return decorate


class Once(Generic[Result]):
    """A function whose results are cached, and that several threads call once for each argument.

    What is compiled twice would be freed once, and its address is all that worlds keep of it.
    """

    def __init__(self, function: Callable[..., Result]):
        functools.update_wrapper(self, function)
        self._cached, self._lock = functools.cache(function), threading.RLock()
        # A fork may come while another thread holds the lock, which then nobody in it lets go.
        os.register_at_fork(after_in_child=self._renew)

    def __call__(self, *arguments: Any) -> Result:
        with self._lock:
            return self._cached(*arguments)

    def cache_clear(self) -> None:
        """Forget all results."""
        self._cached.cache_clear()

    def _renew(self) -> None:
        self._lock = threading.RLock()


def once(function: Callable[..., Result]) -> Once[Result]:
    """Cache the results of a function as `Once` does."""
    return Once(function)


@contextmanager
def notice(message: str, after: float = 1.5) -> Iterator[None]:
    """Log a message if what is done inside takes longer than `after` [s]."""
    timer = threading.Timer(after, _log.info, (message,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def source_digest(module: str, constants: Iterable[int] = ()) -> int:
    """Number of 48 bits (exact in a float64) that changes with any source or constant of compiled code.

    Args:
        module: dotted name of the module in which the code stands.
        constants: integers that are frozen into it, such as offsets of MuJoCo's fields.
    """
    digest = hashlib.sha256(stamp(module).encode())
    digest.update(repr(list(constants)).encode())
    return int.from_bytes(digest.digest()[:6], "little") | 1


@functools.cache
def stamp(module: str) -> str:
    """Digest of a module's sources, see `sources`, and of the packages and settings that compile them."""
    digest = hashlib.sha256(repr((llvmlite.__version__, mujoco.__version__, np.__version__)).encode())
    digest.update(repr([getattr(config, name, None) for name in _FLAGS]).encode())
    for name, file in sorted(sources(module).items()):
        digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def sources(module: str, root: Path = _ROOT) -> dict[str, Path]:
    """Files of a module of the package and of all that it imports from the package, by dotted name.

    Args:
        module: dotted name.
        root: folder of the package.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = None if name in found else _file_of(name, root)
        if file is not None:
            found[name] = file
            for base, names, plain in _IMPORT.findall(file.read_text(encoding="utf-8")):
                waiting += [plain] if plain else [base, *(f"{base}.{n}" for n in re.findall(r"\w+", names))]
    return found


def _file_of(module: str, root: Path) -> Path | None:
    """The file of a module; None where the name is one of something in a module."""
    place = root.joinpath(*module.split(".")[1:])
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


class SourceCache(caching.FunctionCache):
    """Numba's cache of a function, with the digest of all its sources, and calm where files are damaged."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._module = function.__module__
        self._stamped = False

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        self._put_stamp()
        try:
            return super()._load_overload(sig, target_context)
        except Exception as error:  # empty and cut files make pickle raise anything
            _log.info("%s is compiled again: its cache is damaged (%r)", self._name, error)
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        try:
            try:
                super()._save_overload(sig, data)
            except OSError:
                raise
            except Exception:  # the index is damaged: begin it again
                self._cache_file.flush()
                super()._save_overload(sig, data)
        except OSError as error:
            _log.debug("%s is not cached: %s", self._name, error)
            _warn_uncached()

    def _put_stamp(self) -> None:
        """Not before the function is called first: reading sources takes a while."""
        if not self._stamped:
            self._cache_file._source_stamp = stamp(self._module)
            self._stamped = True


def _cache_of(function: Callable[..., Any]) -> caching._Cache:
    try:
        return SourceCache(function)
    except RuntimeError as error:  # Numba found no directory that it may write to
        _log.debug("%s", error)
        _warn_uncached()
        return caching.NullCache()


@functools.cache
def _warn_uncached() -> None:
    """Warn once in a process."""
    _log.warning(
        "compiled code cannot be cached, so that every start takes a minute: let the environment variable "
        "NUMBA_CACHE_DIR name a directory that can be written to"
    )
