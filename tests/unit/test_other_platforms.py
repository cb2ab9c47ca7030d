"""Off Linux: what starts the program imports nothing that is Linux alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.generated import ROOT

# What other platforms do not have, taken away before anything of ours is imported.
WITHOUT_LINUX = """
import ctypes, os, select, socket, sys
for module, names in (
    (socket, ("AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "SOCK_CLOEXEC", "SO_BINDTODEVICE")),
    (os, ("getxattr", "sched_getaffinity", "memfd_create", "eventfd", "pidfd_open", "splice", "O_CLOEXEC")),
    (select, ("epoll",)),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "freebsd14"
"""


MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "tcpwatchd").rglob("*.py"))
    if not path.name.startswith("__")
]


def test_every_module_is_imported_without_linux() -> None:
    tried = f"""
import importlib, traceback
for module in {MODULES!r}:
    try:
        importlib.import_module(module)
    except Exception:
        print(module, traceback.format_exc())
"""
    ran = subprocess.run([sys.executable, "-c", WITHOUT_LINUX + tried], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("command", ["explain close_wait", "template", "--version"])
def test_a_command_that_reads_no_socket_works_without_linux(command: str) -> None:
    code = f"{WITHOUT_LINUX}\nfrom tcpwatchd.commands.cli import main\nsys.exit(main({command.split()!r}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
