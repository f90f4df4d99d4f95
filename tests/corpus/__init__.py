"""Malformed and borderline HTTP messages in both directions, each with what exfront must make of it and why.

`requests` and `responses` hold them by theme; `play` sends them through a front end to a recording back end. make test
plays them against exfront (tests/real/test_http_corpus.py), ``python -m tests.corpus.peers`` against other proxies too.
"""
