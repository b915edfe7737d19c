"""Make a Markdown file's local links absolute, where it is shown outside its repository.

python .ci/absolute_links.py README.md https://HOST/OWNER/REPOSITORY TAG
"""

import re
import sys
from pathlib import Path

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def absolute_links(text: str, repository: str, tag: str) -> str:
    """Return Markdown whose local links lead to a repository's files as they are at a tag."""

    def absolute(link: re.Match[str]) -> str:
        view = "raw" if link[1] else "blob"
        return f"{link[1]}[{link[2]}]({repository}/{view}/{tag}/{link[3]})"

    return _LINK.sub(absolute, text)


if __name__ == "__main__":
    file, repository, tag = sys.argv[1:]
    Path(file).write_text(
        absolute_links(Path(file).read_text(encoding="utf-8"), repository, tag), encoding="utf-8"
    )
