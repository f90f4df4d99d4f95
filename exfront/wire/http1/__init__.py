"""HTTP/1.1 without I/O, both roles: a server to the client, a client to the back end (RFC 9110, RFC 9112).

`events` is what the readers report; `request` and `response` read, `write` writes. Stricter than the RFC where two
readers of one message could differ (S-HTTP-1..14, -27..30): what is doubtful is refused, never mended.
"""
