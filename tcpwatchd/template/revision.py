"""A template's revision: eight digits in its description that stand for everything in it.

So that Zabbix can be asked which template it has. Text only.
"""

from __future__ import annotations

import hashlib
import json
import re

_REVISION = re.compile(r"\bRevision ([0-9a-f]{8})\.")


def revised(description: str, *parts: object) -> str:
    """The description with the revision of the `parts` of its template."""
    text = json.dumps([description, *parts], sort_keys=True, default=str)
    return f"{description} Revision {hashlib.sha256(text.encode()).hexdigest()[:8]}."


def revision_of(description: str) -> str | None:
    """The revision that a description has; None if it has none."""
    found = _REVISION.search(description)
    return found[1] if found else None
