"""XML of strangers, element by element: without document types and entities, of bounded depth and number."""

import re
from collections.abc import Callable
from xml.parsers import expat

from batchenv.errors import BodyError

MOST_DEPTH = 400
MOST_ELEMENTS = 100_000
# A tag that opens, one that closes, a comment, and text between them, for each element.
_MOST_PIECES = 6 * MOST_ELEMENTS
# The vertices of a mesh, most likely; left as they are.
_LONG_TAG = 10_000
_VALUE = re.compile(rb"""=\s*(?:"[^"]*"|'[^']*')(?=[^\s/>?])""")
_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*+>""")


def scan_xml(
    file: str,
    data: bytes,
    start: Callable[[str, dict[str, str], int], None],
    end: Callable[[], None],
    text: Callable[[str], None] | None = None,
) -> None:
    """Walk through the elements of a file.

    Args:
        file: path, for messages.
        data: its bytes.
        start: called with the tag, the attributes and the line of each element where it begins.
        end: called where an element ends.
        text: called with the characters between tags, piece by piece.

    Raises:
        BodyError: names the line; the text is not XML, nests too deeply, has too many elements, or declares a
            document type or entities: a body needs neither, and they can make a small file huge, or read
            other files.
    """
    parser = expat.ParserCreate()
    depth = count = 0

    def refuse(message: str) -> BodyError:
        return BodyError(f"{file}:{parser.CurrentLineNumber}: {message}")

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MOST_DEPTH:
            raise refuse(f"nested too deeply; expected at most {MOST_DEPTH} levels.")
        if count > MOST_ELEMENTS:
            raise refuse(f"too many elements; expected at most {MOST_ELEMENTS}.")
        start(tag, attributes, parser.CurrentLineNumber)

    def finish(_tag: str) -> None:
        nonlocal depth
        depth -= 1
        end()

    def declare(*_declaration: object) -> None:
        raise refuse(
            "a document type declaration, which may define entities, is refused; expected elements only."
        )

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.StartDoctypeDeclHandler = declare
    parser.EntityDeclHandler = declare
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(_strict(data), True)
    except BodyError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise refuse(f"not XML: {error}.") from None


def _strict(data: bytes) -> bytes:
    """Return XML with what TinyXML tolerates, and so files have, made right: lines stay where they are.

    That is two hyphens inside a comment, and no space between two attributes.
    """
    kept, at = [], 0
    while (begin := data.find(b"<", at)) >= 0 and len(kept) < _MOST_PIECES:
        kept.append(data[at:begin])
        at = _end_of_markup(data, begin)
        markup = data[begin:at]
        if markup.startswith(b"<!--"):
            kept.append(b"\n" * markup.count(b"\n"))
        elif len(markup) > _LONG_TAG:
            kept.append(markup)
        else:
            kept.append(_VALUE.sub(rb"\g<0> ", markup))
    return b"".join([*kept, data[at:]])


def _end_of_markup(data: bytes, begin: int) -> int:
    """Return where the tag or comment ends that begins here; the end of the data if it does not."""
    for opening, closing in ((b"<!--", b"-->"), (b"<![CDATA[", b"]]>"), (b"<?", b"?>")):
        if data.startswith(opening, begin):
            end = data.find(closing, begin + len(opening))
            return end + len(closing) if end >= 0 else len(data)
    tag = _TAG.match(data, begin)
    return tag.end() if tag else len(data)
