"""The scanner that finds the line of each key, compared with tomllib's own reading of the same text."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.errors import KeyPath
from exfront.config.lines import find_lines


class LinesTests(SynchronousTestCase):
    def check(self, text: str, expected: dict[KeyPath, int]) -> None:
        """All lines of `text`, for exactly the paths that tomllib finds."""
        self.assertEqual(dict(find_lines(text).known), expected, text)
        self.assertEqual(set(expected), set(_paths(tomllib.loads(text))), text)

    def test_tables_and_keys(self) -> None:
        self.check("# c\n[a]\nb = 1\n\n[c.d]\ne = 2 # [x]\n", {
            ("a",): 2, ("a", "b"): 3, ("c",): 5, ("c", "d"): 5, ("c", "d", "e"): 6,
        })  # fmt: skip

    def test_arrays_of_tables_and_tables_in_them(self) -> None:
        text = "[[a]]\nx=1\n[[a.b]]\ny=1\n[[a.b]]\n[a.c]\nz=1\n[[a]]\n[[a.b]]\n"
        self.check(text, {
            ("a",): 1, ("a", 0): 1, ("a", 0, "x"): 2, ("a", 0, "b"): 3, ("a", 0, "b", 0): 3, ("a", 0, "b", 0, "y"): 4,
            ("a", 0, "b", 1): 5, ("a", 0, "c"): 6, ("a", 0, "c", "z"): 7,
            ("a", 1): 8, ("a", 1, "b"): 9, ("a", 1, "b", 0): 9,
        })  # fmt: skip

    def test_a_table_whose_header_comes_after_that_of_its_child(self) -> None:
        self.check("[a.b]\n[a]\n", {("a",): 2, ("a", "b"): 1})

    def test_dotted_and_quoted_keys(self) -> None:
        self.check('a . "b.c" . \'d"\' = 1\n"x\\u0041\\"#=" = 2\na.e = 3\n"" = 4\n', {
            ("a",): 1, ("a", "b.c"): 1, ("a", "b.c", 'd"'): 1, ('xA"#=',): 2, ("a", "e"): 3, ("",): 4,
        })  # fmt: skip

    def test_strings_of_four_kinds_hide_what_looks_like_keys(self) -> None:
        strings = [
            '"[x] # = \\" \\\\"',
            "'[x] # = \\'",
            '"""\n[x]\ny = 1 \\""" " "" # \n"""',
            '"""a"""""',
            '""""""',
            "'''\n[x]\ny = '' 1\n'''",
            "'''a'''''",
            '"""\\\n  b"""',
        ]
        for string in strings:
            text = f"a = {string} # end\nb = 1\n"
            self.check(text, {("a",): 1, ("b",): 2 + string.count("\n")})

    def test_elements_of_arrays_over_lines(self) -> None:
        self.check("a = [ # [\n  1, # ]\n\n  [2,\n   3], {b = 4}\n , ]\nc = 1979-05-27 07:32:00\n", {
            ("a",): 1, ("a", 0): 2, ("a", 1): 4, ("a", 1, 0): 4, ("a", 1, 1): 5, ("a", 2): 5, ("a", 2, "b"): 5,
            ("c",): 7,
        })  # fmt: skip

    def test_inline_tables(self) -> None:
        self.check("a = { b.c = 1, d = { e = [] } , f = {}}\n", {
            ("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "d"): 1, ("a", "d", "e"): 1, ("a", "f"): 1,
        })  # fmt: skip

    def test_line_ends_of_windows(self) -> None:
        self.check('[a]\r\nb = """\r\n\r\n"""\r\nc = 1', {("a",): 1, ("a", "b"): 2, ("a", "c"): 5})

    def test_a_path_that_stands_nowhere_has_the_line_of_the_table_around_it(self) -> None:
        lines = find_lines("\n[a]\nb = 1\n")
        self.assertEqual([lines.of(path) for path in [("a", "x", 3), ("a", "b"), ("x",), ()]], [2, 3, 1, 1])


def _paths(value: object, here: KeyPath = ()) -> Iterator[KeyPath]:
    if here:
        yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, below in items:
        yield from _paths(below, (*here, part))


@define
class _Writer:
    """Writes TOML, and notes the line of each key as it writes it."""

    text: str = ""
    lines: dict[KeyPath, int] = field(factory=dict)

    def write(self, text: str) -> None:
        self.text += text

    def note(self, path: KeyPath) -> None:
        self.lines[path] = self.text.count("\n") + 1


_SCALARS = [
    "1", "0x1F", "1_000.5e3", "true", "inf", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.5", "07:32:00",
    '"a#b"', '"\\"]}"', "'\\'", "'[[x]]'", '"""\n[x]\n"" \\""""""', "'''#\n'\n='''", '"""a \\\n   b"""', "''", '""',
]  # fmt: skip
_NAMES = ["a", "b-1", "_", "7", "'q.r'", '"s\\tt"', '"#"', "'='", '"["', "''"]
_DRAW = Callable[[st.SearchStrategy[str]], str]
_filler = st.sampled_from(["", " ", "\n", " # ] } = \n\t", "\n\n"])
_blank = st.sampled_from(["", " ", "\t "])


@define
class _Author:
    """Chooses what to write; `data` is hypothesis' source of choices."""

    data: st.DataObject
    out: _Writer = field(factory=_Writer)

    def draw(self, strategy: st.SearchStrategy[str]) -> str:
        return self.data.draw(strategy)

    def several(self) -> range:
        return range(self.data.draw(st.integers(0, 3)))

    def document(self) -> None:
        self.keys((), "\n")
        for number in self.several():
            name = f"t{number}"
            if self.data.draw(st.booleans()):
                self.header((name,), f"[{self.draw(_blank)}{name}]")
                self.keys((name,), "\n")
            else:
                self.tables(name)

    def tables(self, name: str) -> None:
        for index in range(self.data.draw(st.integers(1, 3))):
            if index == 0:
                self.out.write(self.draw(st.sampled_from(["", "\n", "# [[x]]\n"])))
                self.out.note((name,))
            self.header((name, index), f"[[{name}]]")
            self.keys((name, index), "\n")
            if self.data.draw(st.booleans()):
                self.header((name, index, "sub"), f"[{name} . sub]")
                self.keys((name, index, "sub"), "\n")

    def header(self, path: KeyPath, text: str) -> None:
        self.out.note(path)
        self.out.write(f"{text}{self.draw(st.sampled_from(['', ' # c = 1']))}\n")

    def keys(self, table: KeyPath, end: str) -> None:
        names = self.data.draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=4))
        for number, name in enumerate(names):
            if end == "," and number:
                self.out.write(",")
            self.assignment(table, name)
            if end == "\n":
                self.out.write(self.draw(st.sampled_from(["\n", " # c [x]\n", "\n\n"])))

    def assignment(self, table: KeyPath, name: str) -> None:
        self.out.write(self.draw(_blank))
        path = (*table, str(next(iter(tomllib.loads(f"{name} = 1")))))
        self.out.note(path)
        self.out.write(name)
        if self.data.draw(st.booleans()):
            self.out.write(f"{self.draw(_blank)}.{self.draw(_blank)}dot")
            path = (*path, "dot")
            self.out.note(path)
        self.out.write(f"{self.draw(_blank)}={self.draw(_blank)}")
        self.value(path)

    def value(self, path: KeyPath) -> None:
        kind = self.draw(st.sampled_from(["scalar", "scalar", "array", "inline"])) if len(path) < 6 else "scalar"
        if kind == "scalar":
            self.out.write(self.draw(st.sampled_from(_SCALARS)))
        elif kind == "array":
            self.array(path)
        else:
            self.out.write("{")
            self.keys(path, ",")
            self.out.write(self.draw(_blank) + "}")

    def array(self, path: KeyPath) -> None:
        self.out.write("[" + self.draw(_filler))
        for index in self.several():
            self.out.write("," * bool(index) + self.draw(_filler))
            self.out.note((*path, index))
            self.value((*path, index))
            self.out.write(self.draw(_filler))
        self.out.write("]")


class AnyDocumentTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(st.data())
    def test_each_path_of_any_document_has_the_line_it_was_written_in(self, data: st.DataObject) -> None:
        author = _Author(data)
        author.document()
        document = tomllib.loads(author.out.text)
        self.assertEqual(set(author.out.lines), set(_paths(document)))
        self.assertEqual(dict(find_lines(author.out.text).known), author.out.lines)
