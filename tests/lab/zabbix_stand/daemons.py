"""The stand's Zabbix server, web frontend, and the daemon under test.

This file alone knows: their programs, settings and files. Server and frontend run as
the user zabbix, and all that they write is in the stand's directory.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from . import database, trapper
from .errors import StandError
from .processes import Process, run, start, wait_until
from .programs import Programs

USER = "zabbix"

# Few processes, and new hosts are known after a second. No housekeeping: nothing that a test
# has sent may be tidied away under it. The caches hold a hundred hosts with all triggers.
SERVER_SETTINGS = """
ListenIP=127.0.0.1
ListenPort={port}
DBHost={sockets}
DBName={name}
DBUser={name}
AllowUnsupportedDBVersions=1
LogType=console
PidFile={own}/server.pid
SocketDir={own}
TmpDir={own}
AlertScriptsPath={own}
ExternalScripts={own}
CacheUpdateFrequency=1
HousekeepingFrequency=0
CacheSize=128M
ValueCacheSize=128M
HistoryCacheSize=64M
HistoryIndexCacheSize=16M
TrendCacheSize=16M
StartTrappers=3
StartDBSyncers=1
StartPollers=1
StartPreprocessors=1
StartLLDProcessors=1
StartEscalators=1
StartAlerters=1
StartTimers=1
StartPollersUnreachable=1
StartPingers=0
StartDiscoverers=0
StartHTTPPollers=0
StartHistoryPollers=1
StatsAllowedIP=127.0.0.1
"""

FONTS = Path("/usr/share/fonts/truetype/dejavu")  # of the package fonts-dejavu-core
FRONTEND_SETTINGS = """<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '{sockets}';
$DB['PORT'] = '0';
$DB['DATABASE'] = '{name}';
$DB['USER'] = '{name}';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = '127.0.0.1';
$ZBX_SERVER_PORT = '{port}';
$ZBX_SERVER_NAME = 'tcpwatchd test';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
"""

PHP_SETTINGS = {
    # What the frontend asks for before it lets anybody in.
    "post_max_size": "32M",
    "max_execution_time": "300",
    "max_input_time": "300",
    "memory_limit": "256M",
    "date.timezone": "UTC",
    # Compiled pages are kept: halves the time of a page.
    "opcache.enable_cli": "1",
}
# A page asks for its widgets all at once, and a worker serves one request at a time.
PHP_WORKERS = "4"


def write_server_settings(directory: Path, port: int, tls_files: Mapping[str, Path]) -> None:
    """Write server.conf and make the folder that the server writes to; it has its own copy of `tls_files`.

    Those are files by the name of their setting: TLSCAFile, TLSCertFile, TLSKeyFile. PSK needs none.
    """
    own = folder_of_zabbix(directory / "server")
    settings = SERVER_SETTINGS.format(
        port=port, sockets=database.sockets(directory), name=database.NAME, own=own
    )
    for setting, path in tls_files.items():
        copy = own / setting
        copy.write_bytes(path.read_bytes())
        shutil.chown(copy, USER, USER)
        copy.chmod(0o400)
        settings += f"{setting}={copy}\n"
    (directory / "server.conf").write_text(settings)


def launch_server(directory: Path, programs: Programs) -> Process:
    """Start the server; it is not ready yet."""
    command = [*programs.command("zabbix_server"), "--foreground", "-c", str(directory / "server.conf")]
    return start(command, USER, directory, directory / "server.log")


def housekeep(directory: Path, programs: Programs) -> None:
    """Ask the server to delete what is older than its item keeps; it does so in its own time."""
    command = [*programs.command("zabbix_server"), "-R", "housekeeper_execute"]
    run([*command, "-c", str(directory / "server.conf")], USER, directory, directory / "housekeeper.log")


def wait_until_server_ready(process: Process, port: int) -> None:
    """Until a trapper process answers, whatever it answers."""
    wait_until(lambda: trapper.answers(port), "The Zabbix server", process)


def wait_for_configuration(server: Process, deadline: float) -> bool:
    """Until the server has read its whole configuration once more, from start to end.

    "active checks" alone would not do: a host is known in the middle of such a pass, its items
    some time after it, its triggers last. The title of the process tells when a pass is over.
    """
    process = _syncer(server)
    title = _title(process)
    # A pass that is under way may have begun too early: then the one after it counts.
    passes_to_see = 2 if title.endswith("syncing configuration]") else 1
    while time.monotonic() < deadline:
        time.sleep(0.01)
        before, title = title, _title(process)
        # An idle title holds the duration of the pass before it, in microseconds.
        if title != before and "idle" in title:
            passes_to_see -= 1
        if passes_to_see == 0:
            return True
    return False


def _syncer(server: Process) -> int:
    for pid in server.family():
        if "configuration syncer" in _title(pid):
            return pid
    raise StandError("The Zabbix server does not run: it cannot get to know anything.")


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ").decode()
    except OSError:  # it has ended
        return ""


def copy_frontend(directory: Path, server_port: int, programs: Programs) -> None:
    """Make the private copy, which reads its own configuration instead of the machine's."""
    copy = directory / "frontend"
    shutil.copytree(programs.frontend, copy, ignore_dangling_symlinks=True)
    # copytree takes every relative link for a dangling one, and so the font of the graphs is left out.
    # An unpacked frontend has no fonts beside it: those of this machine are taken.
    for font in (programs.frontend / "assets" / "fonts").iterdir():
        shutil.copy(font if font.exists() else FONTS / font.name, copy / "assets" / "fonts")
    settings = copy / "conf" / "zabbix.conf.php"
    settings.write_text(
        FRONTEND_SETTINGS.format(port=server_port, sockets=database.sockets(directory), name=database.NAME)
    )
    reader = copy / "include" / "classes" / "core" / "CConfigFile.php"
    code = reader.read_text()
    # Upstream reads /conf/… of the frontend's folder; Debian has made it a path under /etc.
    of_debian = "'/etc/zabbix/zabbix.conf.php'"
    if of_debian not in code:
        raise StandError(f"{reader} does not name {of_debian}: this frontend is not Debian's.")
    reader.write_text(code.replace(of_debian, f"'{settings}'"))


def launch_frontend(directory: Path, port: int) -> Process:
    """Start the web server; it is not ready yet."""
    own = folder_of_zabbix(directory / "php")
    locales = directory / "locale"
    locales.mkdir()
    make = ["/usr/bin/localedef", "-i", "en_US", "-f", "UTF-8", str(locales / "en_US.UTF-8")]
    run(make, "root", directory, directory / "frontend.log")
    places = {"session.save_path": own, "sys_temp_dir": own, "opcache.lockfile_path": own}
    options = [f"-d{name}={value}" for name, value in {**PHP_SETTINGS, **places}.items()]
    return start(
        ["/usr/bin/php", *options, "-S", f"127.0.0.1:{port}", "-t", str(directory / "frontend")],
        USER,
        directory,
        directory / "frontend.log",
        {"PHP_CLI_SERVER_WORKERS": PHP_WORKERS, "LOCPATH": str(locales)},
    )


def launch_tcpwatchd(directory: Path, config: Path) -> Process:
    """Start the daemon under test, with the interpreter and the package that run here."""
    command = [sys.executable, "-m", "tcpwatchd", "run", "-c", str(config)]
    return start(command, "root", directory, directory / "tcpwatchd.log")


def folder_of_zabbix(folder: Path) -> Path:
    """Make one that Zabbix may write to."""
    folder.mkdir()
    shutil.chown(folder, USER, USER)
    return folder
