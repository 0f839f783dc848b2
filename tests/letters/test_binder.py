"""PDFs joined: what readers make of the whole, what is refused, and what it costs in memory."""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import tracemalloc
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from connector.edges.pdf import binder
from connector.edges.pdf.binder import Binder
from connector.edges.pdf.typesetting import Press
from connector.errors import ConfigurationError, ScolpassError

HOSTILE = "a (b \\ 5 0 R endobj ) 1 0 obj << /Pages 7 0 R stream\n%%EOF > é \U0001f600"


def joined(parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The whole of parts with their numbers of pages."""
    file = io.BytesIO()
    whole = Binder(file.write)
    for pdf, pages in parts:
        whole.add(pdf, pages)
    whole.finish()
    return file.getvalue()


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf), strict=True)


# --- parts as Typst makes them --------------------------------------------------------------------

TEMPLATE = r"""
#let data = json(bytes(sys.inputs.letters))
#set document(title: data.hostile, author: data.hostile, keywords: ("(()", data.hostile))
#set text(lang: "fr")
#set page(width: 90mm, height: 60mm, numbering: "1")
#for one in data.students [
  = #one.name
  #link("https://ex.fr/(a)b\\5 0 R")[out] #link((page: 1, x: 0pt, y: 0pt))[in] #footnote[note]
  #image("logo.png", width: 9mm)
  #pagebreak(weak: true)
]
"""


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Press:
    """Prints small letters with all that a template may have."""
    folder = tmp_path_factory.mktemp("letters")
    (folder / "xx.typ").write_text(TEMPLATE)
    (folder / "logo.png").write_bytes(png(40))
    return Press(folder, "xx", {"sign_in": "https://ex.fr", "hostile": HOSTILE})


def png(side: int) -> bytes:
    """A square that is half transparent: its transparency is a second stream."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(
        b"\0" + bytes((x, y, x * y % 256, 128)[k] for x in range(side) for k in range(4))
        for y in range(side)
    )
    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def parts(press: Press) -> list[tuple[bytes, int]]:
    names = [["Zoé", HOSTILE, "N3"], ["N4"], ["N5", "N6"]]
    return [(press.print([{"name": name} for name in few]), len(few)) for few in names]


def test_every_page_is_there_in_its_order_and_says_what_its_part_says(
    parts: list[tuple[bytes, int]],
) -> None:
    whole = read(joined(parts))
    alone = [page for pdf, _ in parts for page in read(pdf).pages]
    assert len(whole.pages) == 6
    for page, before in zip(whole.pages, alone, strict=True):
        assert page.extract_text() == before.extract_text()
        assert page.mediabox == before.mediabox
        assert linked(page) == linked(before)
    assert whole.metadata == read(parts[0][0]).metadata
    assert whole.metadata is not None
    assert whole.metadata.title == HOSTILE
    assert str(whole.root_object["/Lang"]) == "fr"
    assert "/Outlines" not in whole.root_object


def shown(page: Any) -> Any:
    """The stream of a page, by which it is told from others."""
    return page["/Contents"].get_object().get_data()


def linked(page: Any) -> list[tuple[Any, ...]]:
    """Where the links of a page lead: to a page, told by its stream, or to an address."""
    found = []
    for one in page["/Annots"]:
        link = one.get_object()
        if "/Dest" in link:
            place = link["/Dest"].get_object()
            found.append((shown(place[0].get_object()), *map(float, place[2:])))
        else:
            found.append((link["/A"]["/URI"],))
    return found


def test_poppler_reads_and_paints_each_page_as_in_its_part(
    parts: list[tuple[bytes, int]], tmp_path: Path
) -> None:
    (tmp_path / "whole.pdf").write_bytes(joined(parts))
    text, pictures = poppler(tmp_path / "whole.pdf")
    expected_text, expected_pictures = "", []
    for number, (pdf, _) in enumerate(parts):
        (tmp_path / f"{number}.pdf").write_bytes(pdf)
        found, painted = poppler(tmp_path / f"{number}.pdf")
        expected_text += found
        expected_pictures += painted
    assert text == expected_text
    assert pictures == expected_pictures
    assert len(set(pictures)) > 1


def poppler(pdf: Path) -> tuple[str, list[bytes]]:
    """A PDF's text, and its pages as pictures; there is nothing to complain of."""

    def run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    run("pdftoppm", "-r", "60", "-png", str(pdf), str(pdf.with_suffix("")))
    pictures = sorted(pdf.parent.glob(f"{pdf.stem}-*.png"))
    return run("pdftotext", str(pdf), "-"), [picture.read_bytes() for picture in pictures]


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf is not installed")
def test_qpdf_finds_nothing_wrong(parts: list[tuple[bytes, int]], tmp_path: Path) -> None:
    (tmp_path / "whole.pdf").write_bytes(joined(parts))
    subprocess.run(["qpdf", "--check", tmp_path / "whole.pdf"], check=True, capture_output=True)


def test_a_logo_is_written_once_and_a_link_once_a_page(parts: list[tuple[bytes, int]]) -> None:
    whole = joined(parts)
    assert whole.count(b"/SMask") == 1
    assert sum(pdf.count(b"/SMask") for pdf, _ in parts) == len(parts)
    links = [link.idnum for page in read(whole).pages for link in page["/Annots"]]  # type: ignore[attr-defined]
    assert len(links) == len(set(links))


# --- parts made by hand ---------------------------------------------------------------------------


def made(
    bodies: Sequence[bytes],
    *,
    trailer: bytes = b"<</Size 0/Root 1 0 R/ID[(a)(a)]>>",
    head: bytes = b"%PDF-1.7\n",
) -> bytes:
    """A PDF of objects that are numbered from 1."""
    pdf, places = head, []
    for number, body in enumerate(bodies, start=1):
        places.append(len(pdf))
        pdf += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n\r\n" % place for place in places)
    return b"%bxref\n0 %d\n0000000000 65535 f\r\n%btrailer\n%b\nstartxref\n%d\n%%%%EOF" % (
        *(pdf, len(places) + 1, table),
        *(trailer, len(pdf)),
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(data), entries, data)


def small(
    *pages: tuple[bytes, bytes],
    catalog: bytes = b"<</Type/Catalog/Pages 2 0 R>>",
    tree: bytes | None = None,
    more: Sequence[bytes] = (),
    **how: bytes,
) -> bytes:
    """A PDF of pages, each of its own entries and the data of its stream; 3, 4 are the first's."""
    kids = b" ".join(b"%d 0 R" % (3 + 2 * place) for place in range(len(pages)))
    bodies = [catalog, tree or b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(pages), kids)]
    for place, (entries, data) in enumerate(pages):
        bodies += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents %d 0 R%b>>"
            % (4 + 2 * place, entries),
            stream(data),
        ]
    return made([*bodies, *more], **how)


PIECES = st.sampled_from(
    [
        *(b"(", b")", b"\\", b"\\\\", b"()", b"<<", b">>", b"\n", b"\0", b"\xff\xfe"),
        *(b"5 0 R", b"1 0 obj", b"endobj", b"stream\n", b"endstream", b"/Length 3"),
        *(b"startxref", b"%%EOF"),
    ]
)
DATA = st.lists(PIECES | st.binary(max_size=8), max_size=8).map(b"".join)
NAMES = st.sampled_from([b"/A", b"/5#200#20R", b"/R", b"/endobj", b"/", b"/B.c-d"])


def as_string(data: bytes) -> bytes:
    return b"(%b)" % re.sub(rb"[()\\]", rb"\\\g<0>", data)


def as_nested_string(data: bytes) -> bytes:
    return b"((%b)\\)())" % re.sub(rb"[()\\]", rb"", data)


def as_hex(data: bytes) -> bytes:
    return b"<%b>" % data.hex(" ").encode()


STRINGS = st.builds(
    lambda write, data: write(data), st.sampled_from([as_string, as_nested_string, as_hex]), DATA
)
PLAIN = STRINGS | NAMES | st.sampled_from([b"0", b"-1.5", b"+7", b".5", b"true", b"null", b"3 0 R"])
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: b"[ %b]" % b" ".join(some))
        | st.tuples(NAMES, inner).map(lambda one: b"<<%b %b>>" % one)
    ),
    max_leaves=6,
)
PAGES = st.tuples(VALUES.map(lambda value: b"/X " + value), DATA)


@given(st.lists(st.lists(PAGES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_whatever_stands_in_the_parts_stands_in_the_whole(
    documents: list[list[tuple[bytes, bytes]]],
) -> None:
    parts = [(small(*pages), len(pages)) for pages in documents]
    whole = read(joined(parts)).pages
    alone = [page for pdf, _ in parts for page in read(pdf).pages]
    streams = [data for pages in documents for _, data in pages]
    for page, before, data in zip(whole, alone, streams, strict=True):
        assert shown(page) == data
        assert plain(page.get("/X")) == plain(before.get("/X"))


def plain(value: Any) -> Any:
    """A value without its numbers of objects: a page is its stream."""
    value = value.get_object() if value is not None else None
    if isinstance(value, dict):
        if value.get("/Type") == "/Page":
            return shown(value)
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else (type(value), value)


def test_the_table_has_the_place_of_every_object() -> None:
    whole = joined((small((b"", b"%d" % n), (b"", b"x")), 2) for n in range(3))
    table = int(whole.rsplit(b"startxref\n")[1].split()[0])
    lines = whole[table:].split(b"\r\n")[1:-1]
    for number, line in enumerate(lines, start=1):
        assert re.match(rb"\d{10} 00000 n\Z", line)
        assert whole[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Size %d " % (len(lines) + 1) in whole[table:]
    first, second = re.findall(rb"<([0-9a-f]{32})>", whole[table:])
    assert first == second


def test_what_equals_an_object_of_the_part_before_is_written_once_if_no_page_owns_it() -> None:
    font = stream(b"a font, as far as anybody can tell")
    page = (b"/Font 5 0 R/Annots[6 0 R]", b"x")
    whole = joined((small(page, more=[font, b"<</Type/Annot/Subtype/Link>>"]), 1) for _ in range(3))
    assert whole.count(b"a font") == 1
    assert whole.count(b"/Annot ") == 3
    assert len(read(whole).pages) == 3


def test_of_nothing_nothing_is_made() -> None:
    assert joined([]) == b""


def test_a_part_of_more_pages_than_letters_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="2 pages of 1 letters"):
        joined([(small((b"", b""), (b"", b"")), 1)])


PAGE = (b"", b"x")
NESTED = [b"<</Type/Pages/Parent 2 0 R/Count 1/Kids[6 0 R]>>", b"<</Type/Page/Parent 5 0 R>>"]


@pytest.mark.parametrize(
    ("pdf", "said"),
    [
        (b"", "not a PDF 1.7"),
        (b"%PDF-1.7\n" + b"x" * 100, "not a PDF 1.7"),
        (small(PAGE)[:-9], "not a PDF 1.7"),
        (small(PAGE, head=b"%PDF-1.4\n"), "not a PDF 1.7"),
        (small(PAGE, head=b"%PDF-2.0\n"), "not a PDF 1.7"),
        # A cross-reference stream: the place is an object's.
        (re.sub(rb"startxref\n\d+", b"startxref\n9", small(PAGE)), "not a PDF 1.7"),
        (small(PAGE).replace(b" f\r\n", b" f\n"), "table is not whole"),
        (small(PAGE).replace(b"xref\n0 5", b"xref\n0 6"), "table is not whole"),
        (small(PAGE, trailer=b"<</Root 1 0 R/Encrypt 4 0 R>>"), "/Encrypt in its trailer"),
        (small(PAGE, trailer=b"<</Root 1 0 R/Prev 9>>"), "/Prev in its trailer"),
        (small(PAGE, trailer=b"<</Root 1 0 R/XRefStm 9>>"), "/XRefStm in its trailer"),
        (small(PAGE, trailer=b"<</Size 5>>"), "/Root refers to no object"),
        (small(PAGE, trailer=b"<</Root 4 0 R>>"), "object 4 is a stream"),
        (small(PAGE, trailer=b"(x"), "does not end"),
        (small(PAGE, catalog=b"<</Pages 2 0 R/AcroForm 4 0 R>>"), "/AcroForm in its catalog"),
        (small(PAGE, catalog=b"<</Pages 2 0 R/Pag#65s 4 0 R>>"), "names in a dictionary"),
        (small(PAGE, catalog=b"<</Pages 2 0 R/Pages 4 0 R>>"), "names in a dictionary"),
        (small(PAGE, catalog=b"[/Pages 2 0 R]"), "should be a dictionary"),
        (small(PAGE, catalog=b"<</Pages 9 0 R>>"), "object 9 is not where it should be"),
        (small(PAGE, catalog=b"<</Pages 2 1 R>>"), "what is at byte"),
        (small(PAGE, tree=b"<</Kids[3 0 R]/Resources 4 0 R>>"), "/Resources in its list of pages"),
        (small(PAGE, tree=b"<</Kids 4 0 R>>"), "list of pages is not a list"),
        (small(PAGE, tree=b"<</Kids[3 0 R 3 0 R]>>"), "list of pages is not a list"),
        (small(PAGE, tree=b"<</Kids[5 0 R]>>", more=NESTED), "not in one flat list"),
        (small(PAGE, tree=b"<</Kids[6 0 R]>>", more=NESTED), "not in one flat list"),
        (small((b"/X[5 0 R]", b""), more=[b"[6 0 R]", b"[5 0 R]"]), "refers to itself"),
        (
            small((b"/X 5 0 R", b""), more=[b"[%d 0 R]" % n for n in range(6, 600)] + [b"[]"]),
            "refers to itself, or too far",
        ),
        (small((b"/X %comment\n5", b"")), "what is at byte"),
        (small((b"/X 5 0 obj", b"")), "what is at byte"),
        (small((b"/X (", b"")), "does not end"),
        (small((b"/X 5 0 R", b"")), "object 5 is not where it should be"),
        (small(PAGE).replace(b"/Length 1", b"/Length 2"), "stream 4 is not as long"),
        (small(PAGE).replace(b"/Length 1", b"/Lungth 1"), "stream 4 is not as long"),
        (small((b"", b"x" * 30)).replace(b"h 30", b"h 2 "), "stream 4 is not as long"),
        (small((b"/X 5 0 R", b""), more=[stream(b"x").replace(b"h 1", b"h 4 0 R")]), "stream 5"),
    ],
)
def test_what_is_not_as_typst_writes_it_is_refused(pdf: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        joined([(small(PAGE), 1), (pdf, 1)])
    assert said in refused.value.message
    assert "requirements/run.txt" in refused.value.cure


@given(st.data())
def test_a_part_that_is_damaged_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(small((b"/X[(a)<</Y 3 0 R>>]", b"stream"), (b"", b"x")))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(PIECES | st.binary(max_size=2))
    try:
        found = joined([(bytes(whole), 2)])
    except ConfigurationError:
        return
    assert len(PdfReader(io.BytesIO(found)).pages) == 2


def test_a_whole_of_more_than_the_table_can_say_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binder, "_LARGEST", 2000)
    with pytest.raises(ScolpassError, match="more than 10 GB"):
        joined((small((b"", b"%d" % n)), 1) for n in range(20))


def test_memory_does_not_grow_with_the_number_of_pages() -> None:
    def peak(pages: int) -> int:
        whole = Binder(lambda _: None)
        tracemalloc.start()
        try:
            for number in range(0, pages, 10):
                whole.add(small(*((b"", b"%09d" % (number + n) * 1000) for n in range(10))), 10)
            whole.finish()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20)  # what is made once
    few, many = peak(200), peak(2000)
    assert few > 90_000  # it sees at least one part
    assert many - few < 500_000  # bytes; the pages themselves are 16 million more
