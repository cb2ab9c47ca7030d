"""Pictures of pages of a stand's frontend, by a real browser. Needs Debian's package chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from tests.lab.zabbix_stand import Stand, StandError, api, database

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1920,1080",
    "--virtual-time-budget=25000",
)
# As a person has it who has looked once: the choice of a period is folded.
_FOLDED = (
    "INSERT INTO profiles (profileid, userid, idx, value_int, type) "
    "VALUES (900001, 1, 'web.dashboard.filter.active', 0, 2);"
)


def fold_periods(stand: Stand) -> None:
    """Once for a stand, before its first picture."""
    database.change(stand.directory, _FOLDED)


def take_picture(stand: Stand, page: str, path: Path) -> None:
    """A page of the frontend, such as `zabbix.php?action=…`, on a screen of 1920 × 1080."""
    program = shutil.which("chromium")
    if program is None:
        raise StandError("There is no chromium: apt-get install chromium")
    login = f"index.php?name={api.USER}&password={api.PASSWORD}&autologin=1&enter=Sign%20in&request="
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                program,
                *_OPTIONS,
                f"--user-data-dir={profile}",
                f"--screenshot={path}",
                f"{stand.frontend_url}{login}{quote(page, safe='')}",
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
