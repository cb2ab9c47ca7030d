"""UUIDs that a template's parts keep for ever.

Alone knows how they are made. A changed one would double a part on every server that has the template.
"""

from __future__ import annotations

import hashlib
import uuid


def stable_uuid(*names: str) -> str:
    """A UUID in version-4 form that is always the same for the same names, so that an import updates."""
    digest = hashlib.sha256("/".join(("tcpwatchd", *names)).encode()).digest()[:16]
    return uuid.UUID(bytes=digest, version=4).hex
