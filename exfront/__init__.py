"""exfront: one door for mail over many servers."""

__version__ = "0.1.0"
