"""What kind of file this is, by its first bytes and never by its name, and whether all of it is there.

The kind pins the one parser that may touch the file, so a playlist called `x.mp4` never reaches one that fetches.
"""

from pathlib import Path
from typing import BinaryIO, Literal

from worldreel.errors import UserError

Kind = Literal["mp4", "webm", "avi", "gif", "webp", "png", "jpeg"]

_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_STILL_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"}  # images in MP4's clothes
_MOST_BOXES = 100_000  # a file of 8-byte boxes would keep us busy for minutes


def sniff(path: Path, head: bytes) -> Kind:
    """The kind of a file from its first 64 bytes. Raises UserError for anything else than the seven we read."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] in (b"WEBP", b"AVI "):
        return "webp" if head[8:12] == b"WEBP" else "avi"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm"
    if head[4:8] in _MP4_BOXES and head[8:12] not in _STILL_BRANDS:
        return "mp4"
    what = "is empty" if not head else "is not a video or image that Worldreel reads"
    raise UserError(f"{path} {what}; give MP4, MOV, WebM, MKV, AVI, GIF, WebP, PNG or JPEG")


def check_whole(path: Path, kind: Kind, file: BinaryIO, size: int) -> None:
    """Raises UserError if the file declares to be longer than it is: decoders would quietly give fewer frames."""
    end = size
    if kind == "mp4":
        end = _mp4_end(file, size)
    elif kind == "webm":
        end = _webm_end(file, size)
    elif kind in ("webp", "avi"):
        file.seek(4)
        end = 8 + int.from_bytes(file.read(4), "little")
    if end > size:
        raise UserError(f"{path} is cut short: {size} of {end} bytes are there; export or copy it again")


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Where the last of the file's boxes ends. A box is its length in 4 bytes (0: all the rest; 1: 8 bytes follow) and a name."""
    offset = 0
    for _ in range(_MOST_BOXES):
        if offset + 8 > size:
            break
        file.seek(offset)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < 8:
            return size
        offset += length
    return offset if offset > size else size


def _webm_end(file: BinaryIO, size: int) -> int:
    """Where the segment ends; it follows the EBML header. Live recordings leave its length unknown (all ones)."""
    file.seek(4)
    header = _vint(file)
    file.seek(header or 0, 1)
    if header is None or file.read(4) != b"\x18\x53\x80\x67":
        return size
    length = _vint(file)
    return size if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """EBML's number: as many more bytes as the first has leading zero bits; None if all ones (unknown) or not one."""
    first = file.read(1)
    more = 8 - first[0].bit_length() if first and first[0] else 8
    if more == 8:
        return None
    bits = 7 * (more + 1)
    value = int.from_bytes(first + file.read(more), "big") & ((1 << bits) - 1)
    return None if value == (1 << bits) - 1 else value
