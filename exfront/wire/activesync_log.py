"""The value of ``Log=``, which Exchange appends to the query of ActiveSync's lines in the log of IIS.

Source: *Exchange ActiveSync Protocol Logging*: elements, each letters and digits or ``letters:text``, joined by ``_``;
texts are URL-escaped. A sample in *CASProxy mit Exchange 2007* ends with ``_``.
"""

from __future__ import annotations

from urllib.parse import quote_plus

_LONGEST = 200  # characters of a text


def log_value(version: int = 0, collection: str = "", sent_to: str = "", came_from: str = "", error: str = "") -> str:
    """What a front end knows: protocol version (121 is 12.1), folder id, and the servers and error of a proxy.

    Empty where it knows nothing. The rest of the elements stands in the bodies, which a front end does not read.
    """
    elements = [f"V{version}"] if version else []
    texts = (("Fid", collection), ("PrxTo", sent_to), ("PrxFrom", came_from), ("Error", error))
    elements += [f"{name}:{_escaped(text)}" for name, text in texts if text]
    return "".join([f"{element}_" for element in elements])


def _escaped(text: str) -> str:
    """An underscore would end the element."""
    return quote_plus(text[:_LONGEST]).replace("_", "%5F")
