"""What a test needs of the machine it runs on.

On a user's machine a test that lacks something is skipped with a sentence; under CI it fails.
"""

from __future__ import annotations

import os

import pytest


def require(condition: bool, sentence: str) -> None:
    """Goes on if `condition` holds; else skips, or under CI fails. `sentence` says what is missing."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must have this: {sentence}", pytrace=False)
    pytest.skip(sentence)
