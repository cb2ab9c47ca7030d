"""Reads a Zabbix agent's configuration with all that it includes.

Alone knows where its files are. What they mean here is `agent_settings`'. Source: Zabbix manual, "Special
notes on 'Include' parameter": a file, a directory, or a directory with a pattern at its end.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path

from tcpwatchd.agent_settings import Translation, settings, translate
from tcpwatchd.errors import TcpwatchdError

_MOST_DEPTH = 10  # as with the agent


def import_agent_config(path: Path) -> Translation:
    """The translation of an agent's configuration. TcpwatchdError where a file cannot be read."""
    return translate(_read(path, 0))


def _read(path: Path, depth: int) -> list[tuple[str, str]]:
    if depth > _MOST_DEPTH:
        raise TcpwatchdError(f"{path}: more than {_MOST_DEPTH} files include one another")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise TcpwatchdError(f"{path}: cannot be read", error.strerror or str(error)) from error
    found = []
    for name, value in settings(text):
        if name != "Include":
            found.append((name, value))
            continue
        for included in _included(path.parent / value):
            found += _read(included, depth + 1)
    return found


def _included(value: Path) -> list[Path]:
    if value.is_dir():
        return sorted(file for file in value.iterdir() if file.is_file())
    if any(mark in value.name for mark in "*?["):
        if not value.parent.is_dir():
            return []
        return sorted(
            f for f in value.parent.iterdir() if f.is_file() and fnmatch.fnmatch(f.name, value.name)
        )
    return [value]
