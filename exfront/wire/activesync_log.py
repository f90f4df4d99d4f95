"""The value of ``Log=``, which Exchange appends to the query of ActiveSync's lines in the log of IIS.

Source: *Exchange ActiveSync Protocol Logging*: elements, each letters and digits or ``letters:text``, joined by ``_``;
texts are URL-escaped. A sample in *CASProxy mit Exchange 2007* ends with ``_``.
"""

from __future__ import annotations

from urllib.parse import quote_plus

from exfront.wire.wbxml_peek import NOTHING, Told

_LONGEST = 200  # characters of a text
_TYPES = {"Email": "Em", "Contacts": "Co", "Calendar": "Ca", "Tasks": "Ta"}


def log_value(
    version: int = 0, collection: str = "", sent_to: str = "", came_from: str = "", error: str = "",
    told: Told = NOTHING,
) -> str:  # fmt: skip
    """What a front end knows: protocol version (121 is 12.1), what the beginning of the body told, the folder that the
    query names, and the servers and error of a proxy.

    Empty where it knows nothing. What the mailbox server answers (``Svr:``, ``E``) is not read.
    """
    elements = [f"V{version}"] if version else []
    elements += [f"Fc{told.folders}"] if told.folders else []
    elements += _texts(("Fid", told.folder or collection), ("Ty", _TYPES.get(told.kind, "")))
    elements += _number("Filt", told.filter)
    elements += _texts(("St", "" if not told.key else "F" if told.key == "0" else "S"), ("Sk", told.key))
    elements += _number("Hb", told.heartbeat)
    elements += _texts(("PrxTo", sent_to), ("PrxFrom", came_from), ("Error", error))
    return "".join([f"{element}_" for element in elements])


def _texts(*pairs: tuple[str, str]) -> list[str]:
    return [f"{name}:{_escaped(text)}" for name, text in pairs if text]


def _number(name: str, text: str) -> list[str]:
    return [name + text] if text.isascii() and text.isdigit() else []


def _escaped(text: str) -> str:
    """An underscore would end the element."""
    return quote_plus(text[:_LONGEST]).replace("_", "%5F")
