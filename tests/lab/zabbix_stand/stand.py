"""The stand as a whole: a private Zabbix with database and frontend in one directory.

This file alone knows: the order in which its parts start and end, the state file by which
another process finds it, and what must not be left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Callable, TypeVar

from . import daemons, database, packages, trapper
from .api import Client
from .errors import StandError
from .processes import Process, free_port, interrupts_held, wait_until
from .programs import SIX

_PATIENCE_S = 60.0  # for what takes a second on an idle machine; nothing waits longer than it has to
STATE = "stand.json"
DATABASE, SERVER, FRONTEND, DAEMON = "database", "server", "frontend", "tcpwatchd"

# How each is asked to stop, and how long it may take until it is killed. PHP's workers outlive
# a polite end of their parent and have nothing to save: killed at once. INT is PostgreSQL's
# "fast": it does not wait for its clients.
STOP = {
    DAEMON: (signal.SIGTERM, 10.0),
    FRONTEND: (signal.SIGTERM, 0.0),
    DATABASE: (signal.SIGINT, 20.0),
}
STOP_OTHERS = (signal.SIGTERM, 20.0)

Step = Callable[[str], None]
S = TypeVar("S", bound="Stand")


def silent(_text: str) -> None:
    """For callers that want no word about each step."""


class Stand(Client):
    """A running stand. Get one with up or load; both ask for a directory of its own."""

    programs = SIX

    def __init__(self, directory: Path, server_port: int, frontend_port: int) -> None:
        super().__init__(frontend_port)
        self.directory = directory
        self.server_port = server_port
        self._processes: dict[str, Process] = {}

    @property
    def frontend_url(self) -> str:
        """For a browser on this machine."""
        return f"http://127.0.0.1:{self.frontend_port}/"

    @classmethod
    def up(
        cls: type[S],
        directory: Path,
        step: Step = silent,
        tls_files: Mapping[str, Path] = MappingProxyType({}),
    ) -> S:
        """Bring everything up and log in; ends everything again where something fails.

        `tls_files` are what the server needs to take certificates, see daemons.write_server_settings.
        """
        if os.geteuid() != 0:
            raise StandError("The test Zabbix runs as users of its own: start it as root.")
        missing = packages.missing()
        if missing:
            raise StandError(f"Packages are missing: {' '.join(missing)}. Install them first.")
        directory = _make_directory(directory)
        server_port = free_port()
        frontend_port = free_port(taken=[server_port])
        stand = cls(directory, server_port, frontend_port)
        try:
            stand._save()
            stand._bring_up(step, tls_files)
        except StandError as error:
            stand.down()
            raise StandError(
                f"{error}\nEverything is ended again and {directory} removed. Try once more; "
                "if it fails in the same way, the lines above name the part to look at."
            ) from error
        except BaseException as reason:
            if isinstance(reason, KeyboardInterrupt):
                step("interrupted: ending what has started")
            stand.down()
            raise
        return stand

    @classmethod
    def load(cls, directory: Path) -> Stand:
        """Find the stand that some other process has brought up there."""
        directory = Path(directory).resolve()
        try:
            if (directory / STATE).stat().st_uid != 0:
                raise StandError(f"{directory} was not made by root: it is not touched.")
            state = json.loads((directory / STATE).read_text())
        except FileNotFoundError:
            raise StandError(f"There is no test Zabbix in {directory}.") from None
        except ValueError:
            raise StandError(f"{directory / STATE} is damaged: remove {directory}.") from None
        stand = cls(directory, state["server_port"], state["frontend_port"])
        for name, process in state["processes"].items():
            stand._processes[name] = Process(**process)
        return stand

    @staticmethod
    def exists(directory: Path) -> bool:
        """Whether a stand was brought up there and not taken away again."""
        return (Path(directory) / STATE).exists()

    @interrupts_held()
    def down(self) -> None:
        """End everything and remove the directory; a second call does nothing."""
        for name in reversed(self._processes):
            self._end(name)
        if not self.exists(self.directory):
            return  # removed before
        for entry in self.directory.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != STATE:
                entry.unlink()
        # The state goes last: a removal that was cut off can be repeated.
        (self.directory / STATE).unlink()
        self.directory.rmdir()

    def alive(self) -> dict[str, bool]:
        """Which of its parts run; the daemon is one only where it was started."""
        parts = dict.fromkeys((DATABASE, SERVER, FRONTEND, *self._processes))
        return {name: name in self._processes and self._processes[name].alive() for name in parts}

    def start_database(self) -> None:
        """Start PostgreSQL and wait until it takes connections."""
        if not self.alive()[DATABASE]:
            self._start(DATABASE, lambda: database.launch(self.directory))
        database.wait_until_ready(self.directory, self._processes[DATABASE])

    def stop_database(self) -> None:
        """Stop PostgreSQL at once, cutting off its clients; the server stays and waits for it."""
        self._end(DATABASE)

    def start_daemon(self, config: Path) -> None:
        """Start tcpwatchd with this configuration and wait until it has made its spool."""
        self._start(DAEMON, lambda: daemons.launch_tcpwatchd(self.directory, config))
        spool = self.directory / "spool" / "spool.db"
        wait_until(spool.exists, "tcpwatchd", self._processes[DAEMON])

    def start_server(self) -> None:
        """Start the Zabbix server on the same port as ever and wait until it answers."""
        self._launch_server()
        daemons.wait_until_server_ready(self._processes[SERVER], self.server_port)

    def stop_server(self) -> None:
        """Stop the Zabbix server; what it has in memory goes to the database first."""
        self._end(SERVER)

    def housekeep(self) -> None:
        """Let the server begin to delete history that is too old."""
        daemons.housekeep(self.directory, self.programs)

    def wait_until_known(self, host: str, timeout_s: float = _PATIENCE_S) -> None:
        """Until the server takes values for the host, and all that was changed before this call."""
        deadline = time.monotonic() + timeout_s
        whole = self.wait_until_read(timeout_s)
        while not (whole and trapper.knows(self.server_port, host)):
            if time.monotonic() > deadline:
                raise StandError(
                    f"The Zabbix server did not get to know the host {host!r} within "
                    f"{timeout_s:g} s: is it created, and enabled?"
                )
            time.sleep(0.1)

    def wait_until_read(self, timeout_s: float = _PATIENCE_S) -> bool:
        """Until the server has read all that was changed before this call; False if it takes longer."""
        return daemons.wait_for_configuration(self._processes[SERVER], time.monotonic() + timeout_s)

    def _bring_up(self, step: Step, tls_files: Mapping[str, Path]) -> None:
        directory = self.directory
        step("making a PostgreSQL cluster")
        database.create(directory)
        self.start_database()
        step("loading the Zabbix schema and its data")
        database.load(directory, self.programs.schema)
        step("starting Zabbix server and web frontend")
        daemons.write_server_settings(directory, self.server_port, tls_files)
        self._launch_server()
        daemons.copy_frontend(directory, self.server_port, self.programs)
        self._start(FRONTEND, lambda: daemons.launch_frontend(directory, self.frontend_port))
        step("waiting until both answer")
        daemons.wait_until_server_ready(self._processes[SERVER], self.server_port)
        wait_until(self._frontend_answers, "The web frontend", self._processes[FRONTEND])
        self.api("user.get", {"countOutput": True})  # the login must work

    def _launch_server(self) -> None:
        if not self.alive()[SERVER]:
            self._start(SERVER, lambda: daemons.launch_server(self.directory, self.programs))

    def _frontend_answers(self) -> bool:
        try:
            return self.version > (0, 0)
        except OSError:
            return False

    @interrupts_held()  # else a process might run that is on no list
    def _start(self, name: str, launch: Callable[[], Process]) -> None:
        self._processes[name] = launch()
        self._save()

    def _end(self, name: str) -> None:
        # It stays on the list: if this is interrupted, another attempt still finds it.
        if name not in self._processes:
            return
        stop_signal, patience_s = STOP.get(name, STOP_OTHERS)
        if name == SERVER and not self.alive()[DATABASE]:
            patience_s = 0.0  # it would wait for the database, to store what it has in memory
        self._processes[name].end(stop_signal, patience_s)

    def _save(self) -> None:
        state = {
            "directory": str(self.directory),
            "server_port": self.server_port,
            "frontend_port": self.frontend_port,
            "processes": {name: asdict(process) for name, process in self._processes.items()},
        }
        new = self.directory / (STATE + ".new")
        new.write_text(json.dumps(state, indent=2) + "\n")
        new.replace(self.directory / STATE)


def _make_directory(directory: Path) -> Path:
    """Make it, or take it over if it is there and empty; the stand's users must get into it."""
    directory = Path(directory).resolve()
    if Stand.exists(directory):
        raise StandError(f"There is a test Zabbix in {directory} already. End it with: make zabbix-down")
    database.require_short_path(directory)
    is_new = not directory.exists()
    try:
        directory.mkdir(exist_ok=True)
        is_empty = not any(directory.iterdir())
    except OSError as error:
        raise StandError(f"{directory} cannot be made: {error.strerror}. Name another.") from None
    if not is_empty:
        raise StandError(f"{directory} is not empty: name a directory that is new or empty.")
    if directory.stat().st_uid != 0:
        raise StandError(f"{directory} is not root's: name a directory that is new or root's.")
    directory.chmod(0o755)
    entered = subprocess.run(["test", "-x", directory], user=database.USER, group=database.USER, check=False)
    if entered.returncode != 0:
        if is_new:
            directory.rmdir()
        raise StandError(
            f"The user {database.USER} cannot get into {directory}: name one outside of private "
            "directories, such as a new one in /tmp."
        )
    return directory
