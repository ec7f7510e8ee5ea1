"""A volume as one file that tells whether it is whole.

    tar.zst          the volume's directory, called ``_data``, with owners, modes, times, attributes and hard links
    8 + 40 bytes     a frame that zstd passes over (RFC 8878, 3.1.2): 50 2A 4D 18, 28 00 00 00 (its length, 40),
                     "sha256: " and 32 bytes, the digest of all bytes before the frame

So ``tar --zstd -xf`` unpacks it like any other archive, and what was cut short or changed is not taken for a volume.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Final

from engine.host.archive_tree import write_located
from engine.host.inroot import located
from engine.model.errors import Invalid

_HEAD: Final = bytes.fromhex("502a4d18") + (40).to_bytes(4, "little") + b"sha256: "
_TRAILER_BYTES: Final = len(_HEAD) + 32


def write_backup(directory: Path, write: Callable[[bytes], object]) -> None:
    """Blocks. Raises OSError."""
    import zstandard  # only here: most engines never do this

    packer = zstandard.ZstdCompressor(level=3).compressobj()
    digest = hashlib.sha256()

    def pass_on(data: bytes) -> None:
        digest.update(data)
        write(data)

    with located(directory, "/", "") as found:
        write_located(found, b"_data", lambda data: pass_on(packer.compress(data)))
    pass_on(packer.flush())
    write(_HEAD + digest.digest())


async def checked(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The archive in a backup. Raises Invalid at the end, when all was given, if it is not what was written."""
    digest = hashlib.sha256()
    held = b""
    async for chunk in chunks:
        held += chunk
        if len(held) > _TRAILER_BYTES:
            given, held = held[:-_TRAILER_BYTES], held[-_TRAILER_BYTES:]
            digest.update(given)
            yield given
    if held != _HEAD + digest.digest():
        raise Invalid("the backup is not whole: its checksum, the last 48 bytes, is missing or not that of its content")
