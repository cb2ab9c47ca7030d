"""The contender in the kernel: a BPF program that counts there, and a `cat` that reads eleven numbers.

Source: bpftool-iter(8).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import box
from .commands import Pipe
from .errors import ContenderError, end_of
from .plan import BPF

_SOURCE = Path(__file__).with_name("count_tcp.bpf.c")
_TYPES = "/sys/kernel/btf/vmlinux"
_BUILD_S = 60.0


class BpfIter(Pipe):
    """Pinned while it is in use; gone with it."""

    name = BPF
    packages = ("clang", "libbpf-dev", "bpftool")
    programs = ("clang", "bpftool")
    states = ("1", "8", "5")  # include/net/tcp_states.h

    def start(self) -> None:
        """Compiles and pins it."""
        header, compiled = self.directory / "vmlinux.h", self.directory / "count_tcp.o"
        mounted = self.directory / "bpf"
        pin = mounted / "count_tcp"
        self.command = f"cat {pin}"
        header.write_text(_run("bpftool", "btf", "dump", "file", _TYPES, "format", "c"))
        include = f"-I{self.directory}"
        _run("clang", "-O2", "-g", "-target", "bpf", include, "-c", str(_SOURCE), "-o", str(compiled))
        mounted.mkdir(exist_ok=True)
        box.mount_bpf(str(mounted))
        self.ends.callback(box.unmount, str(mounted))
        _run("bpftool", "iter", "pin", str(compiled), str(pin))
        self.ends.callback(pin.unlink)


def _run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    if ran.returncode:
        raise ContenderError(f"{command[0]} says: {end_of(ran.stderr)}")
    return ran.stdout
