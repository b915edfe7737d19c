"""The former place of `write_atomically`, which scripts of users may name."""

from batchenv.files.atomic import write_atomically

__all__ = ["write_atomically"]
