"""Ways to damage a file: of its bytes, of its text, of plain data read from it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

ODD_TEXT = (
    "", "x", "nan", ".nan", "inf", ".inf", "-.inf", "-1", "0", "1e308", "1e-308", "1e39", "1e400", "-1e300",
    "1_0", "0x10", "1,5", "1e", "--1", "true", "null", "~", "[]", "{}", "[1, 2", "'", '"', "\ufeff",
    "\u0661", "\u2212" "1", "\x00", "\t", "a" * 5000, "9" * 25, "9" * 5000, "2147483648",
    "9223372036854775808", "../../x", "/dev/zero", "/dev/stdin", "@data/", "@data/../config/x", "~",
    "~nobody/x", "\n", "&a", "*a", "<<", "!!python/object:os.x {}", "%s", "${HOME}", "&lt;", "<!--", "]]>",
    "0.5 0.5", "1 0 0 0 1 0 0 0",
)  # fmt: skip
"""What may stand where a file has a word or a number."""

ODD_DATA: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 0.5, -0.5, 1e-9, 1e9, 1e-308, 1e39, 1e300, 1e308, -1e308,
    float("nan"), float("inf"), -float("inf"), 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(10**30), 10**400,
    "", "x", "1", "true", "nan", "1e3", "walk", "\u0661", "a" * 5000, "/dev/zero", "@data/nothing.csv",
    "../x", [], [1], [1.5, -2], ["x"], {}, {"x": 1}, {"weight": 1.0}, {"min": 0, "max": 1, "default": 0.5},
    [[1], [2, 3]], {"": 0},
)  # fmt: skip
"""What may stand where a configuration has a value."""


ODD_FACTORS = (-1.0, 0.0, 0.1, 0.5, 2.0, 10.0, 100.0, 1e4, 1e9, 1e20, 1e39, 1e150, 1e300, 1e-4, 1e-30, 1e-300)
"""Of numbers that stay numbers."""


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def odd_value(rng: np.random.Generator, value: Any) -> Any:
    """What may stand in the place of a value: often one of its kind."""
    if not is_number(value) or rng.random() < 0.3:
        return ODD_DATA[int(rng.integers(len(ODD_DATA)))]
    changed = value * float(rng.choice(ODD_FACTORS))
    return round(changed) if isinstance(value, int) and rng.random() < 0.8 else changed


def damaged_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    """Flip a few bits, cut, repeat, overwrite or insert a part of some bytes."""
    if not data:
        return bytes(rng.integers(0, 256, 16, np.uint8))
    while (damaged := _other_bytes(rng, data)) == data:
        continue
    return damaged


def damaged_text(rng: np.random.Generator, text: str) -> str:
    """Replace a word, or delete, repeat, swap or cut lines."""
    while (damaged := _other_text(rng, text)) == text:
        continue
    return damaged


def _other_bytes(rng: np.random.Generator, data: bytes) -> bytes:
    array, how = np.frombuffer(data, np.uint8).copy(), rng.integers(8)
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 1 + min(64, len(data))))
    if how <= 2:
        for at in rng.integers(len(data), size=int(rng.integers(1, 4))):
            array[at] ^= np.uint8(1 << rng.integers(8))
        return array.tobytes()
    if how == 3:
        return data[:place]
    if how == 4:
        array[place : place + length] = rng.choice(np.array([0, 255], np.uint8))
        return array.tobytes()
    if how == 5:
        return data[:place] + bytes(rng.integers(0, 256, length, np.uint8)) + data[place:]
    if how == 6:
        return data[:place] + data[place : place + length] + data[place:]
    return data[:place] + data[place + length :]


def _other_text(rng: np.random.Generator, text: str) -> str:
    how, lines = rng.integers(8), text.split("\n")
    at = int(rng.integers(len(lines)))
    if how <= 3:
        words = [
            (i, j)
            for i, line in enumerate(lines)
            for j in range(len(_words(line)))
            if _words(line)[j].strip()
        ]
        if words:
            i, j = words[rng.integers(len(words))]
            parts = _words(lines[i])
            parts[j] = str(rng.choice(ODD_TEXT))
            lines[i] = "".join(parts)
    elif how == 4:
        del lines[at]
    elif how == 5:
        lines.insert(at, lines[int(rng.integers(len(lines)))])
    elif how == 6:
        other = int(rng.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        place = int(rng.integers(len(text) + 1))
        return text[:place] if rng.random() < 0.5 else text[:place] + str(rng.choice(ODD_TEXT)) + text[place:]
    return "\n".join(lines)


def damaged_file(rng: np.random.Generator, data: bytes) -> bytes:
    """Damage a text file, as text or as bytes, once or a few times."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        if rng.random() < 0.75:
            data = damaged_text(rng, data.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        else:
            data = damaged_bytes(rng, data)
    return data


def paths(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where everything stands in nested mappings and lists."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from paths(value, (*above, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path."""
    for key in path:
        data = data[key]
    return data


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put a value where another one stands."""
    at(data, path[:-1])[path[-1]] = value


def _words(line: str) -> list[str]:
    """A line in pieces: words and what separates them, in turn."""
    pieces, word = [""], True
    for character in line:
        if (character in " \t,:\"'{}[]<>=/") == word:
            pieces.append("")
            word = not word
        pieces[-1] += character
    return pieces
