"""Reads a Zabbix agent's configuration with all files that it includes.

Source: Zabbix manual, "Special notes on 'Include' parameter": a file, a directory, or a directory with a
pattern at its end.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path

from tcpwatchd.config.agent_settings import Setting, Translation, settings, translate
from tcpwatchd.model.errors import TcpwatchdError

_MOST_DEPTH = 10  # as with the agent


def import_agent_config(path: Path) -> Translation:
    """The translation of an agent's configuration. Included files that cannot be read are listed in it.
    Raises TcpwatchdError if the configuration itself cannot be read.
    """
    unread: list[str] = []
    return translate(_read(path, 0, unread), unread)


def _read(path: Path, depth: int, unread: list[str]) -> list[Setting]:
    if depth > _MOST_DEPTH:
        raise TcpwatchdError(f"{path}: more than {_MOST_DEPTH} files include one another")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise TcpwatchdError(f"{path}: cannot be read", error.strerror or str(error)) from error
    found = []
    for setting in settings(text, str(path)):
        if setting.name != "Include":
            found.append(setting)
            continue
        # A configuration that was copied off its host includes what is not here.
        try:
            included = _included(path.parent / setting.value)
        except OSError as error:
            unread.append(_unread(setting, error))
            continue
        for file in included:
            try:
                file.open("rb").close()
            except OSError as error:
                unread.append(_unread(setting, error))
            else:
                found += _read(file, depth + 1, unread)
    return found


def _unread(setting: Setting, error: OSError) -> str:
    return f"Include={setting.value} ({setting.where}): {error.strerror or error}"


def _included(value: Path) -> list[Path]:
    """The files of an Include. OSError where there is no such directory."""
    if value.is_dir():
        return sorted(file for file in value.iterdir() if file.is_file())
    if any(mark in value.name for mark in "*?["):
        return sorted(
            f for f in value.parent.iterdir() if f.is_file() and fnmatch.fnmatch(f.name, value.name)
        )
    return [value]
