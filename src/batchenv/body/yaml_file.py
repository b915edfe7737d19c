"""YAML files that a caller names beside the configuration: marker sets, tables of joints, courses."""

from pathlib import Path
from typing import Any

from batchenv.body.files import MEGABYTE, read_file
from batchenv.config.yaml_text import parse_value
from batchenv.errors import ConfigError, InputError
from batchenv.files.paths import path_to_read


def read_yaml_file(file: str | Path) -> Any:
    """Return the value in a YAML file, by the rules of `batchenv.config.yaml_text.parse_value`.

    Raises:
        InputError: the file cannot be read, is no text in UTF-8, or no YAML; names the file.
    """
    path = path_to_read("file", file)
    try:
        return parse_value(read_file(path, MEGABYTE).decode("utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: it is not text in UTF-8") from None
    except ConfigError as error:
        raise InputError(str(error)) from None
