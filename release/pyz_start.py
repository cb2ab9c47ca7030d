"""How the one file starts: byte code for this Python where it has some, else the source."""

from __future__ import annotations

import os
import sys
from typing import Any

_ARCHIVE = os.path.abspath(sys.path[0])
_COMPILED = "psutil._psutil_linux"


class _FromMemory:
    """Finds psutil's compiled part. Nothing can be loaded out of an archive, and nothing is to be written to
    disk: so it stands in memory, as a file without a name. Source: memfd_create(2).
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG004 - as importlib calls it
        if name != _COMPILED:
            return None
        from importlib import machinery, util  # noqa: PLC0415 - only psutil needs them, and few need psutil
        from zipimport import zipimporter  # noqa: PLC0415 - as above

        inside = f"{_ARCHIVE}/lib/{name.replace('.', '/')}.abi3.so"
        descriptor = os.memfd_create(name)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(zipimporter(_ARCHIVE).get_data(inside))
        place = f"/proc/self/fd/{descriptor}"
        return util.spec_from_file_location(name, place, loader=machinery.ExtensionFileLoader(name, place))


if sys.version_info < (3, 9):  # noqa: UP036 - this file is started with whatever a host has
    sys.exit(f"tcpwatchd needs Python 3.9 or later; this is {sys.version.split()[0]}")
sys.path[:1] = [f"{_ARCHIVE}/cp{sys.version_info[0]}{sys.version_info[1]}", f"{_ARCHIVE}/lib"]
sys.meta_path.insert(0, _FromMemory)

from tcpwatchd.commands.cli import main  # noqa: E402 - found only now

if __name__ == "__main__":
    sys.exit(main())
