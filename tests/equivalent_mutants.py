"""Changes of `tests.mutants` that give the same behaviour, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

# Module, the line's text, the change → why no test can notice it.
EQUIVALENT: Mapping[tuple[str, str, str], str] = {}
