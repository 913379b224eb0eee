"""What a terminal can show."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

__all__ = ["spell_what_it_lacks"]


def spell_what_it_lacks() -> None:
    """A terminal without ± (LC_ALL=C) gets +-, and u for ü, in place of an error."""
    codecs.register_error("infotheory.spelt", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="infotheory.spelt")


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].replace("±", "+-")
    plain = unicodedata.normalize("NFKD", lacking).encode("ascii", "ignore").decode()
    return plain or "?", error.end
