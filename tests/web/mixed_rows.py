"""The two tables of *CASProxy mit Exchange 2007*: who reaches which mailbox by which path, behind a 2007 front end.

Anna has her mailbox on Exchange 2007, and so has Adam; Otto's and Olga's are on 2003; Tina's is on 2010.
"""

from __future__ import annotations

from attrs import frozen

HOMES = {
    "anna": "chicago-mbx07", "adam": "chicago-mbx07", "otto": "be03", "olga": "be03", "tina": "chicago-mbx10",
    "nora": "chicago-mbx13",
}  # fmt: skip

ERROR = "could not find a mailbox"
PROMPT = "401, Basic"
LINK = "link https://old10.chicago.fourthcoffee.com/owa"
_CAS, _BACK_END = "chicago-cas07", "be03"


@frozen
class Access:
    """A row: who asks for which path, and what comes of it by NTLM, passed through, and by form or Basic.

    `remark` says where exfront differs from what the document tells of a 2007 Client Access server.
    """

    user: str
    path: str
    integrated: str
    by_form: str
    remark: str = ""


ACCESS = (
    Access("anna", "/owa/", f"{_CAS} anna", f"{_CAS} anna"),
    Access("anna", "/owa/adam@fourthcoffee.com/", f"{_CAS} adam", f"{_CAS} adam"),
    Access("anna", "/exchange/", PROMPT, f"{_CAS} anna"),
    Access(
        "anna", "/exchange/olga/", f"{_BACK_END} olga", f"{_BACK_END} olga",
        "The document's front end prompts, for it cannot pass the log-on on; exfront lets it through whole.",
    ),
    Access("otto", "/owa/", ERROR, ERROR),
    Access("otto", "/owa/adam@fourthcoffee.com/", f"{_CAS} adam", f"{_CAS} adam"),
    Access("otto", "/exchange/", f"{_BACK_END} otto", f"{_BACK_END} otto"),
    Access("otto", "/exchange/olga/", f"{_BACK_END} olga", f"{_BACK_END} olga"),
    Access(
        "tina", "/owa/", LINK, LINK,
        "By NTLM it is a name that the first server has let in, which the next connection brings as a sealed cookie.",
    ),
)  # fmt: skip

# Whose mailbox, which URL, and what comes of it: "mixed mode".
MIXED_MODE = (
    ("anna", "/exchange", f"{_CAS} anna"),
    ("anna", "/owa", f"{_CAS} anna"),
    ("otto", "/exchange", f"{_BACK_END} otto"),
    ("otto", "/owa", ERROR),
)
