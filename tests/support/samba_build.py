"""Fills a freshly provisioned Samba domain: Exchange's schema, an organisation, accounts. Run by Debian's own Python.

    /usr/bin/python3 samba_build.py SMB_CONF DATA_JSON

python3-samba exists for the distribution's Python only; so this is a program of its own and imports nothing of ours.
Samba's traps that shape it: one transaction for each new OID prefix, and a class can be used from the next
transaction on, after the schema was re-read.
"""

from __future__ import annotations

import base64
import json
import sys
import uuid

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

_ARC = "1.3.6.1.4.1.32473"  # RFC 5612: for documentation; clients work by name
_SYNTAXES = {  # attributeSyntax, oMSyntax
    "dn": ("2.5.5.1", "127"),
    "text": ("2.5.5.12", "64"),
    "number": ("2.5.5.9", "2"),
    "long": ("2.5.5.16", "65"),
    "octets": ("2.5.5.10", "4"),
}
# Everybody who is known may read, as in Exchange's own schema: without it objects exist and have no attributes.
_READABLE = "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPLCLORC;;;AU)"
_DN_CLASS = "KwwCh3McAIVK"  # oMObjectClass of a plain DN


def build(sam: SamDB, data: dict) -> None:
    """All of `data`, in the order that the schema asks for."""
    schema = sam.get_schema_basedn()
    _in_one(sam, [_attribute(schema, number, one) for number, one in enumerate(data["attributes"], 1)])
    generations = sorted({one["generation"] for one in data["classes"]})
    numbered = list(enumerate(data["classes"], 1))
    for generation in generations:
        _in_one(sam, [_class(schema, n, one) for n, one in numbered if one["generation"] == generation])
    for name, additions in data["extended_classes"].items():
        _modify(
            sam,
            f"dn: CN={name},{schema}\nchangetype: modify\nadd: mayContain\n"
            + "".join(f"mayContain: {one}\n" for one in additions),
        )
    for name in data["to_catalog"]:
        _modify(
            sam,
            f"dn: CN={name},{schema}\nchangetype: modify\nreplace: isMemberOfPartialAttributeSet\n"
            "isMemberOfPartialAttributeSet: TRUE\n",
        )
    sam.set_schema_update_now()
    for entries in data["entries"]:
        _in_one(sam, [_record(dn, values) for dn, values in entries])
    for modification in data["modifications"]:
        _modify(sam, modification)
    for dn in data["deleted"]:
        sam.delete(dn)


def _in_one(sam: SamDB, records: list) -> None:
    """One transaction, and the schema read anew."""
    sam.transaction_start()
    try:
        for record in records:
            sam.add_ldif(record)
    except BaseException:
        sam.transaction_cancel()
        raise
    sam.transaction_commit()
    sam.set_schema_update_now()


def _modify(sam: SamDB, ldif: str) -> None:
    sam.modify_ldif(ldif)


def _attribute(schema: str, number: int, one: dict) -> str:
    syntax, om_syntax = _SYNTAXES[one["syntax"]]
    values = {
        "objectClass": ["top", "attributeSchema"],
        "attributeID": [f"{_ARC}.1.{number}"],
        "lDAPDisplayName": [one["name"]],
        "adminDisplayName": [one["name"]],
        "attributeSyntax": [syntax],
        "oMSyntax": [om_syntax],
        "isSingleValued": ["FALSE" if one["many"] else "TRUE"],
        "isMemberOfPartialAttributeSet": ["TRUE" if one["catalog"] else "FALSE"],
        "searchFlags": ["1" if one["catalog"] else "0"],
        "schemaIDGUID": [{"base64": _guid(one["name"])}],
    }
    if one["syntax"] == "dn":
        values["oMObjectClass"] = [{"base64": _DN_CLASS}]
    return _record(f"CN={one['name']},{schema}", values)


def _class(schema: str, number: int, one: dict) -> str:
    values = {
        "objectClass": ["top", "classSchema"],
        "governsID": [f"{_ARC}.2.{number}"],
        "lDAPDisplayName": [one["name"]],
        "adminDisplayName": [one["name"]],
        "subClassOf": [one["parent"]],
        "objectClassCategory": ["1"],
        "rDNAttID": ["cn"],
        "possSuperiors": one["below"],
        "mayContain": one["attributes"],
        "defaultSecurityDescriptor": [_READABLE],
        "defaultObjectCategory": [f"CN={one['name']},{schema}"],
        "schemaIDGUID": [{"base64": _guid(one["name"])}],
    }
    return _record(f"CN={one['name']},{schema}", values)


def _guid(name: str) -> str:
    return base64.b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes_le).decode()


def _record(dn: str, values: dict) -> str:
    lines = [_line("dn", dn)]
    lines += [_line(name, value) for name, several in values.items() for value in several]
    return "".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{name}:: {value['base64']}\n"
    return f"{name}:: {base64.b64encode(str(value).encode()).decode()}\n"


def main() -> None:
    configuration, file = sys.argv[1:]
    parameters = LoadParm()
    parameters.load(configuration)
    sam = SamDB(session_info=system_session(), lp=parameters)
    with open(file, encoding="utf-8") as stream:
        build(sam, json.load(stream))


if __name__ == "__main__":
    main()
