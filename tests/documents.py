"""Code blocks of the README and of docs/, for the tests that run them.

A block whose first line is a comment with a file's name (`# my_terms.py`, `<!-- my_robot.xml -->`) is that
file. A comment before a block says what the tests do with it: `<!-- slow -->` runs it in `make test-docs`
alone, `<!-- GaitNet -->` there and where GaitNet's files are, `<!-- not run: REASON -->` never. Commands may
also be indented by four spaces after an empty line.
"""

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
# Written by scripts/generate_docs.py.
GENERATED = ("reference/configuration.md", "reference/commands.md")

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
_INDENTED = re.compile(r"\n\n(?P<text> {4}(?:batchenv|python|make|pip|\.venv)\b.*\n(?: {4}.*\n)*)")
_FILE = re.compile(r"(?:#|<!--) (?P<name>[\w/]+\.\w+)\b")


class Block(NamedTuple):
    """A code block: its page, first line there, language, text, and the comment before it."""

    page: str
    line: int
    language: str
    text: str
    note: str

    @property
    def file(self) -> str | None:
        """Name of the file that the block shows; None for code to be run."""
        found = _FILE.match(self.text)
        return found["name"] if found else None

    @property
    def contents(self) -> str:
        """Text of that file; CSV has no comments."""
        return self.text.partition("\n")[2] if self.language == "csv" else self.text

    @property
    def slow(self) -> bool:
        """Whether the block runs in `make test-docs` alone."""
        return self.note in ("slow", "GaitNet")

    @property
    def skipped(self) -> bool:
        """Whether the block is never run."""
        return self.note.startswith("not run: ")


def pages() -> list[str]:
    """Return the paths of the README and of all pages written by hand; none where they are not installed."""
    if not (ROOT / "README.md").exists():
        return []
    docs = ROOT / "docs"
    made = {docs / name for name in GENERATED} | {
        f.with_suffix(".md") for f in docs.glob("notebooks/*.ipynb")
    }
    return ["README.md", *(str(f.relative_to(ROOT)) for f in sorted(docs.rglob("*.md")) if f not in made)]


def blocks(page: str, language: str | None = None) -> list[Block]:
    """Return the code blocks of a page, in one language or in all."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [
        Block(page, _line(text, m), m["language"], m["text"], m["note"] or "") for m in _BLOCK.finditer(text)
    ]
    fenced = _BLOCK.sub(lambda m: "\n" * m[0].count("\n"), text)
    found += [
        Block(page, _line(fenced, m), "bash", textwrap.dedent(m["text"]), "")
        for m in _INDENTED.finditer(fenced)
    ]
    return [block for block in sorted(found, key=lambda b: b.line) if language in (None, block.language)]


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start("text")) + 1
