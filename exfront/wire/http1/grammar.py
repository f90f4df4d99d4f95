"""Regular expressions of HTTP/1.1, named as in RFC 9110 and RFC 9112.

All quantifiers over input are possessive: each expression is linear in its input, whatever that is. `FIELD_LINE` is for
`findall` on what `FIELD_SECTION` has matched as a whole, never on unchecked octets.
"""

from __future__ import annotations

import re

_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELD_CONTENT = rb"[^\x00-\x08\x0a-\x1f\x7f]"  # S-HTTP-2: HTAB, SP, VCHAR, obs-text

TOKEN = re.compile(_TCHAR + rb"++")
FIELD_VALUE = re.compile(_FIELD_CONTENT + rb"*+")
FIELD_LINE = re.compile(rb"(" + _TCHAR + rb"++):[ \t]*+(" + _FIELD_CONTENT + rb"*+)\r\n")
FIELD_SECTION = re.compile(rb"(?:" + _TCHAR + rb"++:" + _FIELD_CONTENT + rb"*+\r\n)*+\r\n")

REQUEST_LINE = re.compile(rb"(" + _TCHAR + rb"++) ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])\r\n")
# The usual one: a path and a query, which are not looked at any further.
ORIGIN_REQUEST_LINE = re.compile(rb"(?!CONNECT )(" + _TCHAR + rb"++) (/[\x21\x22\x24-\x7e]*+) HTTP/1\.([0-9])\r\n")
REQUEST_TARGET = re.compile(rb"[\x21-\x7e]++")
# The space behind the status is part of the grammar, but servers without a reason phrase leave it out.
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: (" + _FIELD_CONTENT + rb"*+))?\r\n")

EMPTY_LINES = re.compile(rb"(?:\r\n)*+")
# A CR that ends the input may yet be followed by its LF.
FORBIDDEN_OCTET = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|\Z)|(?<!\r)\n")

# BWS without an extension is no grammar of RFC 9112, but old servers pad their sizes.
_CHUNK = rb"[0-9a-fA-F]{1,16}+[ \t]{0,32}+(?:;" + _FIELD_CONTENT + rb"*+)?"
CHUNK_LINE = re.compile(_CHUNK + rb"\r\n")
CHUNK_LINE_BEGUN = re.compile(rb"(?:" + _CHUNK + rb"\r?)?")

CONTENT_LENGTH = re.compile(rb"0*+([0-9]{0,19}+)")

# S-HTTP-4: of reg-name only what host names are made of; no userinfo, no sub-delims, no percent-encoding.
_REG_NAME = rb"[A-Za-z0-9._~\-]{1,255}+"
_IP_LITERAL = rb"\[([0-9A-Fa-f:.]{2,45}+)\]"
AUTHORITY = re.compile(rb"(" + _REG_NAME + rb"|" + _IP_LITERAL + rb")(?::([0-9]*+))?")
ABSOLUTE_FORM = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*+)(/[^?#]*+)?(?:\?([^#]*+))?")
