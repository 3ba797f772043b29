"""Python values to JSON text and back, and the words for what JSON cannot hold.

Owns the rule what may be sent, persisted or attached: dicts with string keys, lists and tuples
(which come back as lists), strings, finite numbers, booleans and None. Python's own encoder turns
the key ``1`` into ``"1"`` and writes ``NaN``, which no other JSON reader takes: both are errors
here, and name the place.
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

_PLAIN = frozenset({str, int, float, bool, type(None)})
_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


class NotJSON(ValueError):
    """Says which value it is, by its path from the top, and why."""


def encode(value: Any) -> str:
    """JSON text that :func:`decode` turns back into an equal value.

    Raises:
        NotJSON: something inside is not JSON; the text begins with its path, e.g.
            ``['cells'][3]['wind']``.
    """
    try:
        if _has_plain_keys(value):
            return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError):
        pass  # Said better below, with the path.
    raise NotJSON(next(_complaints(value, "", ()), "cannot be written as JSON"))


def decode(text: str) -> Any:
    return json.loads(text)


def encode_dict(value: Any, what: str, error: type[Exception]) -> str:
    """:func:`encode` for what has to be a dict; ``error`` is raised with ``what`` in its text."""
    if not isinstance(value, dict):
        raise error(f"{what} has to be a dict, not {type(value).__name__}: {value!r:.80}")
    try:
        return encode(value)
    except NotJSON as complaint:
        raise error(f"{what}{complaint}") from None


def is_text(value: object) -> TypeGuard[str]:
    """A str that every database can hold: no NUL (PostgreSQL), and no half of a UTF-16 pair."""
    return isinstance(value, str) and storable(value) == value


def storable(text: str) -> str:
    """The text, with what :func:`is_text` refuses written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _has_plain_keys(value: Any) -> bool:
    """False when a dict inside has a key that is no string. Lists of numbers cost little."""
    if isinstance(value, dict):
        if any(key.__class__ is not str and not isinstance(key, str) for key in value):
            return False
        children: Iterable[Any] = value.values()
    elif isinstance(value, (list, tuple)):
        children = value
    else:
        return True
    return all(
        _has_plain_keys(child) for child in [c for c in children if c.__class__ not in _PLAIN]
    )


def _complaints(value: Any, path: str, parents: tuple[int, ...]) -> Iterator[str]:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            yield f"{path}: {value!r} is not JSON; send None, or leave it out"
    elif id(value) in parents:
        yield f"{path}: contains itself"
    elif len(parents) > 200:
        yield f"{path}: nested deeper than 200 levels"
    elif isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                yield f"{path}: the key {key!r} is {_a(key)}, not a str; use {str(key)!r}"
            yield from _complaints(child, f"{path}[{key!r}]", (*parents, id(value)))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from _complaints(child, f"{path}[{index}]", (*parents, id(value)))
    else:
        yield f"{path}: {_a(value)} is not JSON{_remedy(value)}"


def _a(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _remedy(value: object) -> str:
    if hasattr(value, "tolist"):
        return "; send .tolist()"
    if hasattr(value, "isoformat"):
        return "; send .isoformat()"
    if isinstance(value, (set, frozenset)):
        return "; send a sorted list"
    if isinstance(value, bytes):
        return "; send .decode(), or the path of a file"
    return "; send str() of it, or the parts that you need"
