"""Our values under the keys of others, beside our own or instead of them.

Alone knows how a value gets a second name. Which names there are is `dialects`' and the configuration's.
"""

from __future__ import annotations

from collections.abc import Mapping

from tcpwatchd.model.model import Value


def under_aliases(values: tuple[Value, ...], aliases: Mapping[str, str], own: bool) -> tuple[Value, ...]:
    """The values as they are, where our `own` keys are wanted, and under its other key (theirs → ours)
    each that has one.
    """
    if own and not aliases:
        return values
    by_key = {value.key: value for value in values}
    return (values if own else ()) + tuple(
        Value(theirs, by_key[ours].text, by_key[ours].stamp)
        for theirs, ours in aliases.items()
        if ours in by_key
    )
