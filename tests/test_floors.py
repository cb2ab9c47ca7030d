"""The house has floors: a module imports only from floors below its own. docs/architecture.md draws them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tcpwatchd

PACKAGE = Path(tcpwatchd.__file__).parent
DOCUMENT = PACKAGE.parent / "docs" / "architecture.md"

FLOORS = tuple(
    frozenset(names.split())
    for names in (
        "__init__ errors levels printable sockets verdict",
        "inet_diag kernel_counters model nodes option pace port_filter procnet schedule schema spellings "
        "stable_uuid states tls trigger units",
        "accept_queues address aliases crowds graphs holders kernel_limits metric netns readers refusals row "
        "services stamps states_zh user_parameters vitals",
        "agent_settings counted_dump culprits disk_only ephemeral key_patterns memory_buffer "
        "namespace_metrics render_graphs service_metrics service_readers shortcut spool_vitals "
        "state_metrics tls_options unchanged window",
        "dialects kernel_metrics pattern_readers triggers",
        "catalogue options",
        "key_checks namespaces tls_context",
        "agent_config clock config counters edge exchange half_close journal memory_note netlink notify "
        "process programs render render_docs route screen signals spool_file standard_streams tables trapper "
        "unconnected",
        "closer_look disk disk_thread explain push_parts sampler sender tls_handshake",
        "backlog destination looks spool_writer",
        "spool_state",
        "spool",
        "set_aside upkeep",
        "outbox",
        "sampling shipping",
        "daemon",
        "check demo host_check",
        "cli",
        "__main__",
    )
)
# Floors that only think: no file, socket, process, thread or clock. Of the socket module, `address` takes a
# function of texts.
PURE = frozenset().union(*FLOORS[:6]) - {"address"} | {"render", "render_docs", "explain"}
NOT_PURE = {
    "os",
    "io",
    "socket",
    "select",
    "subprocess",
    "threading",
    "time",
    "datetime",
    "random",
    "pathlib",
}


def imports(module: str) -> set[str]:
    """Every module that the file names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            assert node.module
            found.add(node.module)
            if node.module == "tcpwatchd":
                found |= {f"tcpwatchd.{alias.name}" for alias in node.names}
    return found


def modules() -> set[str]:
    return {path.stem for path in PACKAGE.glob("*.py")}


def test_every_module_has_one_floor() -> None:
    placed = [name for floor in FLOORS for name in floor]
    assert sorted(placed) == sorted(modules())


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_downward(module: str) -> None:
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    for name in imports(module):
        if name.startswith("tcpwatchd."):
            used = name.split(".")[1]
            if used in floor_of:  # else a name taken from the package itself, such as __version__
                assert floor_of[used] < floor_of[module], f"{module} imports {used}"


@pytest.mark.parametrize("module", sorted(PURE))
def test_floors_that_think_do_no_io(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & NOT_PURE
    calls = ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8")))
    assert not [
        c for c in calls if isinstance(c, ast.Call) and getattr(c.func, "id", "") in {"open", "print"}
    ]


def test_only_the_sender_knows_py_zabbix() -> None:
    assert {module for module in modules() if "pyzabbix" in imports(module)} == {"sender"}


def test_no_file_is_a_room_for_two() -> None:
    for path in PACKAGE.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name


def test_every_module_says_what_it_knows() -> None:
    for path in PACKAGE.glob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path.name


def test_the_architecture_page_draws_the_same_floors() -> None:
    drawn = re.findall(r"^\| \d+ \| (.+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", cell)) for cell in drawn] == [
        {name for name in floor if not name.startswith("__")} for floor in FLOORS[:-1]
    ]


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("--version", ("yaml", "sqlite3", "pyzabbix", "psutil", "json")),
        ("explain close_wait", ("sqlite3", "pyzabbix", "psutil", "ssl", "tcpwatchd.sampler")),
        ("sample -c /dev/null", ("sqlite3", "pyzabbix", "ssl", "tcpwatchd.daemon")),
        ("template -c /dev/null", ("sqlite3", "pyzabbix", "psutil", "ssl", "tcpwatchd.sampler")),
    ],
)
def test_a_command_pays_only_for_itself(command: str, unneeded: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom tcpwatchd.cli import main\n"
        f"try: main({command.split()!r})\nexcept SystemExit: pass\n"
        "print('LOADED', *sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    loaded = set(ran.stdout.rpartition("LOADED")[2].split())
    assert "tcpwatchd.cli" in loaded, ran.stderr
    assert not loaded & set(unneeded)
