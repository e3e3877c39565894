"""Reading CSV files as spreadsheets save them: streaming, strict, with line numbers.

The encoding is UTF-8 (with or without a byte order mark) or else cp932, the Shift_JIS of Japanese
Excel; the whole file must be valid in it. Cells are separated by commas, tabs or semicolons, and
quoted as RFC 4180 says.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENCODINGS = ("utf-8-sig", "cp932")
CELL_LIMIT = 20_000
"""Characters in one cell. A longer one is nearly always a quote that was never closed."""

_CHUNK = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = ",\t;"


class CsvFileError(Exception):
    """A file that cannot be read as CSV, from `line` (counted from 1) on; None where it has no line."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class CsvFile:
    """A file that was looked through once: how to decode it, and the digest of its bytes."""

    path: Path
    encoding: str
    digest: str
    header: tuple[str, ...]
    separator: str


@dataclass(frozen=True)
class CsvRow:
    """One row and the line of the file on which it begins."""

    line: int
    cells: tuple[str, ...]


def open_csv(path: Path) -> CsvFile:
    """Look through a file: digest, encoding, header. Raises `CsvFileError`."""
    digest = hashlib.sha256()
    decoders = {encoding: codecs.getincrementaldecoder(encoding)() for encoding in ENCODINGS}
    lines = 1
    broken_at = 1
    try:
        with path.open("rb") as file:
            start = file.read(_CHUNK)
            if start.startswith(_UTF16):
                raise CsvFileError("the file is UTF-16; save it as CSV UTF-8")
            chunk = start
            while decoders:
                digest.update(chunk)
                for encoding in list(decoders):
                    try:
                        decoders[encoding].decode(chunk, final=not chunk)
                    except UnicodeDecodeError as error:
                        broken_at = lines + chunk[: error.start].count(b"\n")
                        del decoders[encoding]
                if not chunk:
                    break
                lines += chunk.count(b"\n")
                chunk = file.read(_CHUNK)
    except OSError as error:
        raise CsvFileError(f"cannot read the file: {error.strerror}") from None
    if not decoders:
        raise CsvFileError("the file is neither UTF-8 nor Shift_JIS (cp932)", broken_at)
    encoding = next(iter(decoders))
    separator = _separator(path, encoding)
    header = next(_rows(path, encoding, separator), None)
    if header is None:
        raise CsvFileError("the file is empty")
    return CsvFile(path, encoding, digest.hexdigest(), header.cells, separator)


def read_rows(file: CsvFile) -> Iterator[CsvRow]:
    """Yield the rows below the header, without empty ones.

    Raises `CsvFileError` where the file breaks (a quote that is not closed, a huge cell): rows from
    there on cannot be told apart.
    """
    rows = _rows(file.path, file.encoding, file.separator)
    next(rows, None)
    return rows


def _separator(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as text:
        first = text.readline(CELL_LIMIT)
    return max(_SEPARATORS, key=first.count)


def _rows(path: Path, encoding: str, separator: str) -> Iterator[CsvRow]:
    with path.open(encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=separator, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise CsvFileError(_explain(str(error)), line) from None
            if any(len(cell) > CELL_LIMIT for cell in cells):
                raise CsvFileError(_explain("field larger than field limit"), line)
            if any(cell.strip() for cell in cells):
                yield CsvRow(line, tuple(cells))


def _explain(reason: str) -> str:
    if "end of data" in reason:
        return 'a quote (") opened in this row is never closed'
    if "field limit" in reason:
        return f'a cell has more than {CELL_LIMIT} characters; is a quote (") not closed?'
    if "expected after" in reason:
        return 'a quote (") stands inside a cell; write it twice ("") and quote the whole cell'
    return f"not CSV: {reason}"
