"""Unpacks an archive from elsewhere without trusting it."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from flowers_tfx.errors import InputError

_HINT = "Nothing of it was kept. Fetch the archive anew, from a source that you trust."


def unpack(archive: Path, folder: Path, max_bytes: int, max_members: int = 10_000) -> None:
    """Unpacks a .tgz into `folder`, without the one top folder that its members lie in.

    It writes the members' bytes itself: a member can set no owner, no mode, no link and no path outside of `folder`, on
    any Python (`tarfile`'s own filters are missing in some versions of 3.10).
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for number, member in enumerate(tar):
                max_bytes -= member.size
                if max_bytes < 0 or number >= max_members:
                    raise InputError("The archive unpacks to more than it should.", _HINT)
                _write(tar, member, folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileExistsError, NotADirectoryError) as error:
        raise InputError(f"The archive can't be unpacked ({error}).", _HINT) from error


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()) or path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise InputError(f"The archive holds {member.name!r}, which is no plain file inside it.", _HINT)
    stream = tar.extractfile(member) if member.isreg() else None
    if stream is None or len(path.parts) < 2:
        return  # a folder, which its files make; or a file beside the top folder
    target = folder.joinpath(*path.parts[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(stream, file)
