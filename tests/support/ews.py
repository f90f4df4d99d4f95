"""What an EWS server answers to a client that reads its inbox, as the EWS reference tells it; one mail for each."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
_TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMES = {"m": _MESSAGES, "t": _TYPES, "s": _SOAP}

_ENVELOPE = f"""\
<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="{_SOAP}" xmlns:m="{_MESSAGES}" xmlns:t="{_TYPES}"><s:Header><t:ServerVersionInfo MajorVersion="14"
MinorVersion="3" MajorBuildNumber="123" MinorBuildNumber="4" Version="Exchange2010_SP2"/></s:Header><s:Body>%s</s:Body>
</s:Envelope>"""
_RESPONSE = "<m:{0}Response><m:ResponseMessages>{1}</m:ResponseMessages></m:{0}Response>"
_SUCCESS = (
    '<m:{0}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{1}</m:{0}ResponseMessage>'
)
_FAULT = "<s:Fault><faultcode>s:Client</faultcode><faultstring>not scripted: {0}</faultstring></s:Fault>"


def subject(user: str) -> str:
    """Of the one mail in a user's inbox."""
    return f"For {user} & nobody else"


def answer(user: str, body: bytes) -> tuple[int, bytes]:
    """Status and body for a SOAP request; what is not scripted is a fault, with 500 as SOAP has it."""
    call = ElementTree.fromstring(body).find("s:Body", _NAMES)
    assert call is not None
    name = re.sub(r"\{.*\}", "", call[0].tag)
    if name == "GetFolder":
        folders = [each.get("Id", "") for each in call[0].iter(f"{{{_TYPES}}}DistinguishedFolderId")]
        content = "".join(_SUCCESS.format(name, f"<m:Folders>{_folder(each)}</m:Folders>") for each in folders)
    elif name == "FindItem":
        items = f"<t:Items>{_item(user)}</t:Items>"
        page = 'IndexedPagingOffset="1" TotalItemsInView="1" IncludesLastItemInRange="true"'
        content = _SUCCESS.format(name, f"<m:RootFolder {page}>{items}</m:RootFolder>")
    elif name == "GetItem":
        content = _SUCCESS.format(name, f"<m:Items>{_item(user)}</m:Items>")
    else:
        return 500, (_ENVELOPE % _FAULT.format(escape(name))).encode()
    return 200, (_ENVELOPE % _RESPONSE.format(name, content)).encode()


def _folder(name: str) -> str:
    return (
        f'<t:Folder><t:FolderId Id="{name}" ChangeKey="1"/><t:FolderClass>IPF.Note</t:FolderClass>'
        f"<t:DisplayName>{name}</t:DisplayName><t:TotalCount>1</t:TotalCount>"
        "<t:ChildFolderCount>0</t:ChildFolderCount><t:UnreadCount>1</t:UnreadCount></t:Folder>"
    )


def _item(user: str) -> str:
    return (
        f'<t:Message><t:ItemId Id="mail-of-{escape(user)}" ChangeKey="1"/>'
        f"<t:Subject>{escape(subject(user))}</t:Subject></t:Message>"
    )
