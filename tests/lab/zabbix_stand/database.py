"""The stand's own PostgreSQL cluster with the Zabbix schema in it.

This file alone knows: PostgreSQL's programs and settings, and the files that make up an empty
Zabbix database. The cluster has no TCP port; peer authentication on its socket lets in root and
the users postgres and zabbix, and nobody else of this machine.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import os
import shutil
import subprocess
from pathlib import Path

from .errors import StandError
from .processes import ENVIRONMENT, Process, run, start, wait_until

USER = "postgres"
NAME = "zabbix"  # of the database, of its owner, and of the system's user who gets in

# Nothing here has to survive a power cut: speed goes first. Shared memory is files of the
# directory, so that even a killed cluster leaves none behind in /dev/shm.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
dynamic_shared_memory_type = mmap
max_connections = 60
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
autovacuum = off
jit = off
"""
ACCESS = "local all all peer map=stand\n"
WHO_IS_WHO = f"stand {USER} {USER}\nstand root {NAME}\nstand {NAME} {NAME}\n"

# The order matters: data refers to images, both need the schema.
SCHEMA_FILES = ("schema.sql.gz", "images.sql.gz", "data.sql.gz")

# The default host has agent items, and no agent runs here: it would only raise problems.
QUIET_DEFAULT_HOST = b"UPDATE hosts SET status = 1 WHERE host = 'Zabbix server';"

ROWS_PER_INSERT = 500

LONGEST_SOCKET_PATH = 107  # bytes, of the kernel


def sockets(directory: Path) -> Path:
    """The folder of the socket: what libpq takes as host."""
    return directory / "sockets"


def require_short_path(directory: Path) -> None:
    """Fails where no socket could be made in the directory."""
    if len(os.fsencode(sockets(directory) / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
        raise StandError(f"The path {directory} is too long for a socket in it: use a shorter one.")


def create(directory: Path) -> None:
    """Make the cluster, not running yet."""
    data = directory / "database"
    _folder_of_postgres(data, 0o700)
    _folder_of_postgres(sockets(directory), 0o755)
    run(
        [_program("initdb"), "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"-D{data}"],
        USER,
        directory,
        directory / "initdb.log",
    )
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS.format(sockets=sockets(directory)))
    (data / "pg_hba.conf").write_text(ACCESS)
    (data / "pg_ident.conf").write_text(WHO_IS_WHO)


def launch(directory: Path) -> Process:
    """Start the cluster; it is not ready yet."""
    return start(
        [_program("postgres"), f"-D{directory / 'database'}"],
        USER,
        directory,
        directory / "database.log",
    )


def wait_until_ready(directory: Path, process: Process) -> None:
    """Until it takes connections."""

    def ready() -> bool:
        try:
            lines = (directory / "database" / "postmaster.pid").read_text().split()
        except OSError:
            return False
        # The first line tells ours from the file of a killed predecessor.
        return lines[:1] == [str(process.pid)] and lines[-1:] == ["ready"]

    wait_until(ready, "PostgreSQL", process)


def load(directory: Path, schema: Path) -> None:
    """Create the Zabbix database and fill it as a new installation has it, from the files in `schema`."""
    _psql(directory, USER, USER, f"CREATE ROLE {NAME} LOGIN;".encode())
    _psql(directory, USER, USER, f"CREATE DATABASE {NAME} OWNER {NAME};".encode())
    for name in SCHEMA_FILES:
        statements = gzip.decompress((schema / name).read_bytes())
        _psql(directory, NAME, NAME, _with_many_rows_each(statements))
    _psql(directory, NAME, NAME, QUIET_DEFAULT_HOST)
    # Without statistics an import takes 2 s and not 0.1 s, and the server's every look at the
    # configuration 0.6 s.
    _psql(directory, NAME, NAME, b"ANALYZE;")


def change(directory: Path, statement: str) -> None:
    """Runs a statement on the Zabbix database that changes it."""
    _psql(directory, NAME, NAME, statement.encode())


def select(directory: Path, query: str) -> list[list[str]]:
    """The rows of a query on the Zabbix database, as text."""
    place = ["-h", str(sockets(directory)), "-U", NAME, "-d", NAME]
    answer = subprocess.run(
        [_program("psql"), "-X", "-q", "--csv", "-t", "-v", "ON_ERROR_STOP=1", *place, "-c", query],
        capture_output=True,
        env=ENVIRONMENT,
        text=True,
        timeout=60,
    )
    if answer.returncode != 0:
        raise StandError(f"PostgreSQL did not answer: {answer.stderr.strip()}")
    return list(csv.reader(answer.stdout.splitlines()))


def _with_many_rows_each(statements: bytes) -> bytes:
    """The same rows by fewer INSERTs: 130,000 single ones take 17 s, these take 3 s."""

    def columns(row: bytes) -> bytes | None:
        name, separator, _ = row.partition(b" values ")
        understood = separator and b"\n" not in name and row.endswith(b");")
        return name if understood else None

    before, *rows = statements.split(b"\nINSERT INTO ")
    result = [before]
    for name, group in itertools.groupby(rows, columns):
        same = list(group)
        if name is None:  # written in some other way: stays as it is
            result += [b"INSERT INTO " + row for row in same]
            continue
        values = [row.partition(b" values ")[2][:-1] for row in same]
        for first in range(0, len(values), ROWS_PER_INSERT):
            some = b",\n".join(values[first : first + ROWS_PER_INSERT])
            result.append(b"INSERT INTO " + name + b" values " + some + b";")
    return b"\n".join(result)


def _psql(directory: Path, user: str, role: str, statements: bytes) -> None:
    command = [_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]
    place = ["-h", str(sockets(directory)), "-U", role, "-d", role]
    run([*command, *place], user, directory, directory / "load.log", statements)


def _folder_of_postgres(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    shutil.chown(folder, USER, USER)


def _program(name: str) -> str:
    """From the newest PostgreSQL there is; Debian keeps the servers' programs out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    if not versions:
        raise StandError("PostgreSQL is not installed: install the stand's packages.")
    return str(versions[-1] / name)
