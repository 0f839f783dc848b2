"""PDFs put one after another into one while they are being made; none of them is kept.

Libraries hold the objects of all parts until the whole is written. Here a part goes out as it
comes, and what stays is eight bytes for each of its objects, where that lies in the file.

Parts are as Typst writes them: PDF 1.7, objects in the clear under one classic cross-reference
table, pages in one flat list. Whatever else is refused. Source of all rules: ISO 32000-1 (7.2.2
and 7.3 what objects are made of, 7.5 the structure of a file, 7.7.3 the tree of the pages).
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Sequence

from connector.errors import ConfigurationError, ScolpassError

Token = bytes | int  # as it stands; an int is a reference to the object of that number
Entries = dict[bytes, list[Token]]  # a dictionary, by names as they stand

_LARGEST = 10**10  # bytes: the cross-reference table has ten digits for a place
_TREE, _CATALOG = 1, 2  # the objects that are written last
_DEEPEST = 50  # objects that refer one to the next; a font of Typst's needs four

# What the whole has of its first part's catalog, and what it goes without: nothing of it is on a
# page, and outlines and metadata (which tell the number of pages) are of one part.
_KEPT = (b"/Lang", b"/ViewerPreferences")
_LEFT = {
    *(b"/Type", b"/Pages", b"/Metadata", b"/Outlines"),
    *(b"/PageMode", b"/PageLabels", b"/Names", b"/Dests"),
}

_TOKEN = re.compile(
    rb"""[ \r\n]*+ (?:
        (?P<reference>[0-9]{1,10}+) [ \r\n]++ 0 [ \r\n]++ R
      | (?P<string>\()
      | (?P<end>endobj|stream|startxref)
      | (?P<plain> << | >> | \[ | \] | <[0-9A-Fa-f \r\n]*+> | /[^\0-\x20()<>\[\]{}/%]*+
                 | [-+.0-9]++ | true | false | null)
    )""",
    re.VERBOSE,
)
_IN_STRING = re.compile(rb"\\.|[()]", re.DOTALL)
_STREAM_BEGINS = re.compile(rb"\r?\n")
_STREAM_ENDS = re.compile(rb"\r?\nendstream\r?\nendobj")
_TABLE_AT = re.compile(rb"startxref\s+([0-9]+)\s+%%EOF\s*\Z")
_TABLE = re.compile(rb"xref\r?\n0 ([0-9]{1,10})\r?\n")
_PLACE = re.compile(rb"([0-9]{10}) [0-9]{5} [nf](?:\r\n| \n| \r)")  # twenty bytes


class Binder:
    """Makes one PDF of many. After an error the whole is a torso, and of no use."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """Take what writes all the bytes that it is given."""
        self._write = write
        self._unwritten: list[bytes] = []  # of the part in hand
        self._size = 0  # bytes
        self._sum = hashlib.blake2b(digest_size=16)
        self._places = array("Q", (0, 0, 0))  # bytes from the beginning, by an object's number
        self._nodes = array("Q")  # the tree's: a part's pages have one, under its root
        self._pages = 0
        self._catalog = self._trailer = b""  # what the first part gives to them
        self._shared: dict[bytes, int] = {}  # by digest, objects of the part before

    def add(self, pdf: bytes, letters: int) -> None:
        """Append the pages of a PDF, and all that they refer to.

        Raises:
            ConfigurationError: a template ran over its page, or this is not PDF as Typst writes it.
            ScolpassError: the whole is larger than a PDF can be.
        """
        part = _Part(pdf)
        if len(part.pages) != letters:
            raise ConfigurationError(
                f"the templates make {len(part.pages)} pages of {letters} letters",
                "A letter is one page: see what was last changed in the templates.",
            )
        if not self._nodes:
            self._put(b"%PDF-1.7\n%\x80\x80\x80\x80\n")
            kept = [name for name in _KEPT if name in part.catalog]
            self._catalog = b" ".join(
                b"%b %b" % (name, self._text(part, part.catalog[name])) for name in kept
            )
            if part.info is not None:
                self._trailer = b"/Info %d 0 R" % self._number(part, part.info)
        node = self._reserved()
        part.numbers[part.root] = node  # so that it is the parent of the part's pages
        for page in part.pages:
            part.numbers[page] = self._reserved()  # a link may lead to a page that is not yet there
        for page in part.pages:
            self._object(part.numbers[page], self._text(part, part.page(page)))
        self._object(node, _tree([part.numbers[page] for page in part.pages], letters, _TREE))
        self._nodes.append(node)
        self._pages += letters
        self._shared = part.shareable
        self._flush()

    def finish(self) -> None:
        """Write what makes a PDF of the parts; of none, nothing is made."""
        if not self._nodes:
            return
        self._object(_TREE, _tree(self._nodes, self._pages))
        self._object(_CATALOG, b"<< /Type /Catalog /Pages %d 0 R %b >>" % (_TREE, self._catalog))
        table = self._size
        self._put(b"xref\n0 %d\n0000000000 65535 f\r\n" % len(self._places))
        for start in range(1, len(self._places), 1000):  # a few at a time: there are very many
            for place in self._places[start : start + 1000]:
                self._put(b"%010d 00000 n\r\n" % place)
            self._flush()
        self._put(
            b"trailer\n<< /Size %d /Root %d 0 R %b /ID [%b] >>\nstartxref\n%d\n%%%%EOF\n"
            % (
                len(self._places),
                _CATALOG,
                self._trailer,
                b"<%b>" % self._sum.hexdigest().encode() * 2,
                table,
            )
        )
        self._flush()

    def _number(self, part: _Part, old: int) -> int:
        """The number that a part's object has in the whole; it is written if it is not there yet.

        An object that equals one of the part before (a logo, a font) is not written again. Among
        dictionaries this holds for streams only: an annotation must not belong to two pages
        (12.5.2).
        """
        number = part.numbers.get(old)
        if number is None:
            if old in part.unfinished or len(part.unfinished) == _DEEPEST:
                raise _strange(f"object {old} refers to itself, or too far")
            part.unfinished.append(old)
            tokens, stream = part.read(old)
            text = self._text(part, tokens)
            if stream is not None:
                text = b"%b\nstream\n%b\nendstream" % (text, stream)
            if stream is None and tokens[:1] == [b"<<"]:
                number = self._object(self._reserved(), text)
            else:
                digest = hashlib.blake2b(text).digest()
                number = self._shared.get(digest) or self._object(self._reserved(), text)
                part.shareable[digest] = number
            part.numbers[old] = number
            part.unfinished.pop()
        return number

    def _text(self, part: _Part, tokens: Sequence[Token]) -> bytes:
        return b" ".join(
            b"%d 0 R" % self._number(part, token) if isinstance(token, int) else token
            for token in tokens
        )

    def _reserved(self) -> int:
        self._places.append(0)
        return len(self._places) - 1

    def _object(self, number: int, text: bytes) -> int:
        if self._size >= _LARGEST:
            raise ScolpassError("this would be a PDF of more than 10 GB", "Print fewer at once.")
        self._places[number] = self._size
        self._put(b"%d 0 obj\n%b\nendobj\n" % (number, text))
        return number

    def _put(self, text: bytes) -> None:
        self._unwritten.append(text)
        self._size += len(text)

    def _flush(self) -> None:
        text = b"".join(self._unwritten)
        self._unwritten.clear()
        self._sum.update(text)
        self._write(text)


class _Part:
    """One of the PDFs, read from its end as a viewer does."""

    def __init__(self, pdf: bytes) -> None:
        self._pdf = pdf
        at = _TABLE_AT.search(pdf, max(0, len(pdf) - 64))
        table = _TABLE.match(pdf, int(at[1])) if at else None
        if table is None or not pdf.startswith(b"%PDF-1.7"):
            raise _strange("it is not a PDF 1.7 with a cross-reference table")
        end = table.end() + 20 * int(table[1])
        self._places = [int(place) for place in _PLACE.findall(pdf, table.end(), end)]
        if len(self._places) != int(table[1]) or not pdf.startswith(b"trailer", end):
            raise _strange("its cross-reference table is not whole")
        trailer = _entries(_tokens(pdf, end + len(b"trailer"))[0])
        # Encryption, an earlier table and one in a stream would each have their entry.
        _only(trailer, {b"/Size", b"/Root", b"/Info", b"/ID"}, "trailer")
        self.info = _reference(trailer, b"/Info") if b"/Info" in trailer else None
        self.catalog = self._dictionary(_reference(trailer, b"/Root"))
        _only(self.catalog, {*_KEPT, *_LEFT}, "catalog")
        self.root = _reference(self.catalog, b"/Pages")
        tree = self._dictionary(self.root)
        _only(tree, {b"/Type", b"/Count", b"/Kids"}, "list of pages")
        self.pages = [token for token in tree.get(b"/Kids", []) if isinstance(token, int)]
        if tree.get(b"/Kids") != [b"[", *dict.fromkeys(self.pages), b"]"]:
            raise _strange("its list of pages is not a list")
        self.numbers: dict[int, int] = {}  # in the whole, by those here
        self.unfinished: list[int] = []  # objects, each met in the one before it
        self.shareable: dict[bytes, int] = {}  # numbers in the whole, by digest

    def page(self, number: int) -> list[Token]:
        """A page's dictionary."""
        entries = self._dictionary(number)
        if entries.get(b"/Type") != [b"/Page"] or entries.get(b"/Parent") != [self.root]:
            raise _strange("its pages are not in one flat list")
        return self.read(number)[0]

    def read(self, number: int) -> tuple[list[Token], bytes | None]:
        """An object, and where it is a stream's dictionary, the stream as it stands."""
        head = b"%d 0 obj" % number
        place = self._places[number] if number < len(self._places) else 0
        if not self._pdf.startswith(head, place):
            raise _strange(f"object {number} is not where it should be")
        tokens, keyword, at = _tokens(self._pdf, place + len(head))
        if keyword != b"stream":
            return tokens, None
        begins = _STREAM_BEGINS.match(self._pdf, at)
        match _entries(tokens).get(b"/Length"):
            case [bytes(digits)] if begins and digits.isdigit() and len(digits) <= 10:
                end = begins.end() + int(digits)
                if _STREAM_ENDS.match(self._pdf, end):
                    return tokens, self._pdf[begins.end() : end]
        raise _strange(f"stream {number} is not as long as it says")

    def _dictionary(self, number: int) -> Entries:
        tokens, stream = self.read(number)
        if stream is not None:
            raise _strange(f"object {number} is a stream")
        return _entries(tokens)


def _tokens(pdf: bytes, at: int) -> tuple[list[Token], bytes, int]:
    """What stands from here on, up to a keyword that ends it; that keyword; and where it ends."""
    tokens: list[Token] = []
    while (match := _TOKEN.match(pdf, at)) is not None:
        at = match.end()
        if match.lastgroup == "end":
            return tokens, match["end"], at
        if match.lastgroup == "reference":
            tokens.append(int(match["reference"]))
        elif match.lastgroup == "string":
            start, depth = match.start("string"), 1
            while depth:  # parentheses in a string are escaped, or in pairs (7.3.4.2)
                inner = _IN_STRING.search(pdf, at)
                if inner is None:
                    raise _strange(f"the string at byte {start} does not end")
                at = inner.end()
                depth += (inner[0] == b"(") - (inner[0] == b")")
            tokens.append(pdf[start:at])
        else:
            tokens.append(match["plain"])
    raise _strange(f"what is at byte {at}")


def _entries(tokens: list[Token]) -> Entries:
    """The entries of a dictionary."""
    entries: Entries = {}
    value: list[Token] | None = None
    depth = 0
    if tokens[:1] != [b"<<"] or tokens[-1:] != [b">>"]:
        raise _strange("something that should be a dictionary")
    for token in tokens[1:-1]:
        if value is None:
            # A name with # may be another's spelling (7.3.5).
            if isinstance(token, int) or not re.match(rb"/[^#]*\Z", token) or token in entries:
                raise _strange("the names in a dictionary")
            value = entries[token] = []
            continue
        value.append(token)
        depth += (token in {b"<<", b"["}) - (token in {b">>", b"]"})
        if not depth:
            value = None
    return entries


def _reference(entries: Entries, name: bytes) -> int:
    match entries.get(name):
        case [int(number)]:
            return number
    raise _strange(f"{name.decode()} refers to no object")


def _only(entries: Entries, known: set[bytes], where: str) -> None:
    for name in entries.keys() - known:
        raise _strange(f"{name.decode('ascii', 'replace')} in its {where}")


def _tree(kids: Sequence[int], pages: int, parent: int | None = None) -> bytes:
    """A node in the tree of the pages."""
    above = b"" if parent is None else b"/Parent %d 0 R " % parent
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    return b"<< /Type /Pages %b/Count %d /Kids [%b] >>" % (above, pages, listed)


def _strange(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"a PDF of letters cannot be put with the others: {what}",
        "Undo what was last changed in the templates; install the typst of requirements/run.txt.",
    )
