"""Hostile and borderline conversations in IMAP4 and POP3, and what must come of each.

`conversations` holds them by theme; `play` plays them through a front end to a back end that records every octet.
"""
