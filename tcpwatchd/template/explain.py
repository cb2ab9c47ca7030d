"""Finds the state, key or alarm that a person means, and explains it.

It knows the spellings of ss, netstat, RFC 9293 and psutil. The texts are those of the catalogue.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from tcpwatchd.kernel.accept_queues import ACCEPT_QUEUES
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.triggers import EVERY_TRIGGER
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.states_zh import STATE_TEXTS_ZH
from tcpwatchd.template.chinese import rule_summary_zh, summary_zh, trigger_summary_zh
from tcpwatchd.template.explanations import (
    explanation,
    rule_explanation,
    state_explanation,
    trigger_explanation,
)
from tcpwatchd.template.text_zh import TITLES_ZH

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


_TITLES = (
    "States (tcpwatchd explain STATE):",
    "Accept queues (tcpwatchd explain KEY):",
    "Who holds what, and where connections go (tcpwatchd explain KEY):",
    "Services (tcpwatchd explain KEY):",
    "Limits of the kernel (tcpwatchd explain KEY):",
    "Counters of the kernel (tcpwatchd explain NAME):",
    "Alarms (tcpwatchd explain ALARM, or the text that woke you up):",
    "The daemon's own values (tcpwatchd explain KEY):",
)
_FOUND = tuple(key for key in CATALOGUE if key.startswith(("tcpwatchd.culprits[", "tcpwatchd.ports[")))
_COUNTERS = {name.lower(): name for name in KERNEL_COUNTERS}
_STATES = {**{_bare(state.name): state for state in State}, **_OTHER_NAMES}


def explain(subject: str | None, chinese: bool = False) -> tuple[str, bool]:
    """The explanation of a state, a key or an alarm, or an overview for None; False where it is not known."""
    if subject is None:
        return _overview(chinese), True
    for key in (subject, f"tcpwatchd.{subject}", f"tcpwatchd.self[{subject}]"):
        if key in CATALOGUE:
            return explanation(CATALOGUE[key], chinese), True
    if _bare(subject) in _STATES:
        return state_explanation(_STATES[_bare(subject)], chinese), True
    if subject.lower() in _COUNTERS:
        return explanation(CATALOGUE[f"tcpwatchd.counter[{_COUNTERS[subject.lower()]}]"], chinese), True
    if subject in KERNEL_LIMITS:
        return explanation(CATALOGUE[f"tcpwatchd.limit[{subject}]"], chinese), True
    for rule in RULES:
        if rule.key in (subject, f"tcpwatchd.{subject}"):
            return rule_explanation(rule, chinese), True
        for prototype in rule.prototypes:
            key = re.escape(prototype.key).replace(re.escape(rule.macro), r"[^,\]]+")
            if re.fullmatch(key, subject) or re.fullmatch(key, f"tcpwatchd.{subject}"):
                return explanation(prototype, chinese), True
    for name, trigger in EVERY_TRIGGER.items():
        if subject == name or trigger.named(subject):
            return trigger_explanation(name, trigger, chinese), True
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


def _overview(chinese: bool) -> str:
    own = [metric for metric in CATALOGUE.values() if metric.own]
    states = STATE_TEXTS_ZH if chinese else STATE_TEXTS

    def of_keys(keys: Iterable[str], shown: Iterable[str] | None = None) -> Sequence[tuple[str, str]]:
        keys = list(keys)
        texts = [summary_zh(key) if chinese else CATALOGUE[key].name.partition(": ")[2] for key in keys]
        return list(zip(shown or keys, texts))

    rows: tuple[Sequence[tuple[str, str]], ...] = (
        [(state.parameter, states[state].summary) for state in State],
        of_keys(f"tcpwatchd.listeners[{name}]" for name in ACCEPT_QUEUES),
        of_keys(_FOUND),
        [(rule.key, rule_summary_zh(rule) if chinese else rule.name) for rule in RULES],
        of_keys(f"tcpwatchd.limit[{name}]" for name in KERNEL_LIMITS),
        of_keys((f"tcpwatchd.counter[{name}]" for name in KERNEL_COUNTERS), KERNEL_COUNTERS),
        [
            (name, trigger_summary_zh(name) if chinese else trigger.summary)
            for name, trigger in EVERY_TRIGGER.items()
        ],
        of_keys(metric.key for metric in own),
    )
    sections = tuple(zip(TITLES_ZH if chinese else _TITLES, rows))
    widest = max(len(name) for _, rows in sections for name, _ in rows)
    return "\n\n".join(
        "\n".join([title, *(f"  {name:<{widest}}  {text}" for name, text in rows)])
        for title, rows in sections
    )
