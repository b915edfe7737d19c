"""Where the files that a configuration names are looked for."""

import os
from dataclasses import dataclass
from pathlib import Path

from batchenv.errors import ConfigError, nearest
from batchenv.files.paths import is_file

PACKAGE_DATA = Path(__file__).parent.parent / "data"
DATA_PREFIX = "@data/"
DATA_VARIABLE = "BATCHENV_DATA"


@dataclass(frozen=True)
class FileFinder:
    """Search for the files that one configuration names.

    Attributes:
        base: directory that relative paths start from, by default the working directory.
        data_root: additional directory for "@data/..." files, after the package's own data.
        trust: whether the configuration may name Python files, whose code then runs.
    """

    base: Path | None = None
    data_root: Path | None = None
    trust: bool = True

    def find(self, name: str) -> Path:
        """Return the absolute path of an existing file.

        Raises:
            ConfigError: the file does not exist.
        """
        if not isinstance(name, str):
            raise ConfigError(f"the name of a file is text, not a {type(name).__name__}")
        if not name.startswith(DATA_PREFIX):
            path = absolute(expanded(name), self.base)
            if is_file(path):
                return path
            hint = (
                f' Files of a data directory are written "{DATA_PREFIX}NAME".' if name.startswith("@") else ""
            )
            raise ConfigError(f"there is no file {_printable(path)}.{hint}")
        roots = self._data_roots()
        inside = name.removeprefix(DATA_PREFIX)
        for root in roots:
            if is_file(root / inside):
                return absolute(root / inside)
        shipped = (file.name for file in PACKAGE_DATA.iterdir())
        looked = ", ".join(str(root) for root in roots)
        raise ConfigError(
            f"no data directory has {_printable(inside)} (looked in {_printable(looked)})."
            f"{nearest(inside, shipped)}"
        )

    def portable_name(self, name: str) -> str:
        """Return a name of an existing file that means the same without this finder.

        A relative path, or one found only under `data_root`, becomes absolute; what every process on this
        machine finds stays as written, and so stays right on other machines.
        """
        path = self.find(name)
        if not name.startswith(DATA_PREFIX):
            return str(path)
        plain = FileFinder(self.base)
        try:
            return name if plain.find(name) == path else str(path)
        except ConfigError:
            return str(path)

    def _data_roots(self) -> list[Path]:
        variable = os.environ.get(DATA_VARIABLE)
        roots = [PACKAGE_DATA, self.data_root, expanded(variable) if variable else None]
        return [absolute(root) for root in roots if root is not None]


def absolute(path: Path, base: Path | None = None) -> Path:
    """Return path without "..", from base or the working directory if relative; links are not followed.

    Raises:
        ConfigError: it starts in the working directory, which is gone.
    """
    try:
        return Path(os.path.abspath((base or Path()) / path))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{_printable(path)!r} starts in the working directory, which was deleted: change to another one"
        ) from error


def expanded(name: str | os.PathLike[str]) -> Path:
    """Return a name as a path, a "~" replaced by the home directory it stands for if it stands for one."""
    try:
        return Path(name).expanduser()
    except (RuntimeError, ValueError):
        return Path(name)


def _printable(path: str | Path) -> str:
    """A path as text that any terminal takes: a name that is not UTF-8 has bytes that are no characters."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def resolve_path(name: str, base: Path | None = None, data_root: Path | None = None) -> Path:
    """Return the absolute path of a file as configurations name it.

    Args:
        name: a path, or "@data/..." (in the package's data, then in data_root, then in the directory that the
            environment variable BATCHENV_DATA names).
        base: directory that relative paths start from, by default the working directory.
        data_root: a directory of data beside the package's own.

    Raises:
        ConfigError: no such file.

    >>> resolve_path("@data/human_emg_onoff.csv").name
    'human_emg_onoff.csv'
    """
    return FileFinder(base, data_root).find(name)
