"""Names of files in GaitNet's configurations."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from batchenv.config.paths import DATA_PREFIX
from batchenv.config.section import finder_of
from batchenv.errors import ConfigError


def _found_file(name: str, info: ValidationInfo) -> str:
    """Return a name of an existing file, as `FileFinder.portable_name` does.

    A data directory may have all of GaitNet's files side by side: "@data/skeleton/base.xml" then means
    its base.xml.

    Raises:
        ConfigError: neither file exists.
    """
    finder = finder_of(info)
    try:
        return finder.portable_name(name)
    except ConfigError as error:
        flat = f"{DATA_PREFIX}{PurePosixPath(name).name}"
        if not name.startswith(DATA_PREFIX) or flat == name:
            raise
        try:
            return finder.portable_name(flat)
        except ConfigError:
            raise ConfigError(
                f"{error} None has a file {PurePosixPath(name).name} either; --data DIR, data_root or "
                "BATCHENV_DATA names the directory of GaitNet's files."
            ) from None


GaitNetFile = Annotated[str, AfterValidator(_found_file)]
