"""Finds the state, key or alarm that a person means, and explains it.

It knows the spellings of ss, netstat, RFC 9293 and psutil. The texts are those of the catalogue.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from tcpwatchd.kernel.accept_queues import ACCEPT_QUEUES
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.triggers import EVERY_TRIGGER
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.states_zh import STATE_TEXTS_ZH, STATES
from tcpwatchd.template.explanations import (
    explanation,
    rule_explanation,
    state_explanation,
    state_explanation_zh,
    trigger_explanation,
)

# Spellings that are no mere matter of case and punctuation: ss, netstat, BSD.
_OTHER_NAMES = {
    "estab": State.ESTABLISHED,
    "synrcvd": State.SYN_RECV,
    "synreceived": State.SYN_RECV,
    "unconn": State.CLOSE,
    "closed": State.CLOSE,
    "listening": State.LISTEN,
}


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_FOUND = tuple(key for key in CATALOGUE if key.startswith(("tcpwatchd.culprits[", "tcpwatchd.ports[")))
_COUNTERS = {name.lower(): name for name in KERNEL_COUNTERS}
_STATES = {**{_bare(state.name): state for state in State}, **_OTHER_NAMES}


def explain(subject: str | None, chinese: bool = False) -> tuple[str, bool]:
    """The explanation of a state or a key, or an overview for None; False where it is not known.

    In Chinese there are the states; all else is in English.
    """
    if subject is None:
        return (_overview_zh() if chinese else _overview()), True
    if chinese and _bare(subject) in _STATES:
        return state_explanation_zh(_STATES[_bare(subject)]), True
    for key in (subject, f"tcpwatchd.{subject}", f"tcpwatchd.self[{subject}]"):
        if key in CATALOGUE:
            return explanation(CATALOGUE[key]), True
    if _bare(subject) in _STATES:
        return state_explanation(_STATES[_bare(subject)]), True
    if subject.lower() in _COUNTERS:
        return explanation(CATALOGUE[f"tcpwatchd.counter[{_COUNTERS[subject.lower()]}]"]), True
    if subject in KERNEL_LIMITS:
        return explanation(CATALOGUE[f"tcpwatchd.limit[{subject}]"]), True
    for rule in RULES:
        if rule.key in (subject, f"tcpwatchd.{subject}"):
            return rule_explanation(rule), True
        for prototype in rule.prototypes:
            key = re.escape(prototype.key).replace(re.escape(rule.macro), r"[^,\]]+")
            if re.fullmatch(key, subject) or re.fullmatch(key, f"tcpwatchd.{subject}"):
                return explanation(prototype), True
    for name, trigger in EVERY_TRIGGER.items():
        if subject == name or trigger.named(subject):
            return trigger_explanation(name, trigger), True
    known = [
        *EVERY_TRIGGER,
        *CATALOGUE,
        *(state.parameter for state in State),
        *KERNEL_COUNTERS,
        *KERNEL_LIMITS,
    ]
    close = difflib.get_close_matches(subject, known, n=3)
    near = f"; did you mean {' or '.join(close)}?" if close else "; `tcpwatchd explain` lists all"
    return f"tcpwatchd: {subject!r} is neither a state nor an item key{near}", False


def _overview_zh() -> str:
    lines = (f"  {state.parameter:<20} {STATE_TEXTS_ZH[state].summary}" for state in State)
    return "\n".join([STATES, *lines])


def _overview() -> str:
    own = [metric for metric in CATALOGUE.values() if metric.own]
    sections: tuple[tuple[str, Sequence[tuple[str, str]]], ...] = (
        (
            "States (tcpwatchd explain STATE):",
            [(state.parameter, STATE_TEXTS[state].summary) for state in State],
        ),
        (
            "Accept queues (tcpwatchd explain KEY):",
            [(f"tcpwatchd.listeners[{name}]", text.title) for name, text in ACCEPT_QUEUES.items()],
        ),
        (
            "Who holds what, and where connections go (tcpwatchd explain KEY):",
            [(key, CATALOGUE[key].name) for key in _FOUND],
        ),
        ("Services (tcpwatchd explain KEY):", [(rule.key, rule.name) for rule in RULES]),
        (
            "Limits of the kernel (tcpwatchd explain KEY):",
            [(f"tcpwatchd.limit[{name}]", text.title) for name, text in KERNEL_LIMITS.items()],
        ),
        (
            "Counters of the kernel (tcpwatchd explain NAME):",
            [(name, text.title) for name, text in KERNEL_COUNTERS.items()],
        ),
        (
            "Alarms (tcpwatchd explain ALARM, or the text that woke you up):",
            [(name, trigger.summary) for name, trigger in EVERY_TRIGGER.items()],
        ),
        (
            "The daemon's own values (tcpwatchd explain KEY):",
            [(metric.key, metric.name.partition(": ")[2]) for metric in own],
        ),
    )
    widest = max(len(name) for _, rows in sections for name, _ in rows)
    return "\n\n".join(
        "\n".join([title, *(f"  {name:<{widest}}  {text}" for name, text in rows)])
        for title, rows in sections
    )
