"""The catalogue as explanations on a terminal, in English or Chinese: of a state, an item, a rule, an alarm.

Text only; two calls give the same bytes.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.metric import Described, Rule
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.metrics.triggers import in_pushes
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.states_zh import COLON, KEYS, LOOK, RISE, STATE_TEXTS_ZH
from tcpwatchd.template.chinese import paragraphs_zh, rule_meaning_zh, trigger_paragraphs_zh
from tcpwatchd.template.text_zh import BEGINS_WHEN_ZH, ENDS_WHEN_ZH

_CLOSING = tuple("，。；：、）")  # noqa: RUF001 - Chinese punctuation is what is meant


def trigger_explanation(name: str, trigger: Trigger, chinese: bool = False) -> str:
    """What an alarm means, how bad it is, and what to do next."""
    paragraphs = trigger_paragraphs_zh(name, trigger) if chinese else trigger.paragraphs
    begins, ends = (BEGINS_WHEN_ZH, ENDS_WHEN_ZH) if chinese else ("Begins: ", "Ends: ")
    expressions = [
        _wrapped(f"{when}{in_pushes(expression).replace('/T/', '//')}")
        for when, expression in ((begins, trigger.problem), (ends, trigger.recovery))
        if expression
    ]
    told = _told([name, f"  {trigger.title}"], paragraphs, chinese)
    return "\n".join([f"{told}\n", *expressions])


def explanation(metric: Described, chinese: bool = False) -> str:
    """What an item is, what a rise means, what to look at next."""
    units = f", in {metric.units}" if metric.units else ""
    paragraphs = paragraphs_zh(metric) if chinese else metric.paragraphs
    return _told([metric.key, f"  {metric.name}{units}"], paragraphs, chinese)


def rule_explanation(rule: Rule, chinese: bool = False) -> str:
    """What a discovery rule finds, and the keys that Zabbix makes of it."""
    keys = ", ".join(prototype.key for prototype in rule.prototypes)
    meaning, named = (rule_meaning_zh(rule), KEYS) if chinese else (rule.meaning, "Keys: ")
    return _told([rule.key, f"  {rule.name}"], [meaning, f"{named}{keys}"], chinese)


def state_explanation(state: State, chinese: bool = False) -> str:
    """The same for a state, with its keys."""
    keys = ", ".join(metric.key for metric in CATALOGUE.values() if metric.state is state)
    if chinese:
        text = STATE_TEXTS_ZH[state]
        paragraphs = (text.meaning, f"{RISE}{text.rise}", f"{LOOK}{text.look}", f"{KEYS}{keys}")
        return _told([f"{text.title}{COLON}{text.summary}"], paragraphs, chinese)
    text = STATE_TEXTS[state]
    rfc = "" if text.title == state.name else f" (RFC 9293: {text.title})"
    return _told([f"{state.name}{rfc}: {text.summary}"], (*text.paragraphs, f"Keys: {keys}"), chinese)


def _told(head: Sequence[str], paragraphs: Iterable[str], chinese: bool) -> str:
    wrapped = _wrapped_wide if chinese else _wrapped
    return "\n\n".join(["\n".join(head), *map(wrapped, paragraphs)])


def _wrapped_wide(text: str, columns: int = 80) -> str:
    """Wraps between any two Chinese characters, each two columns wide, and between words that are not."""
    lines, line, filled = [], "", 0
    for token in re.findall(r"[!-~]+|.", text):
        width = sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in token)
        # A full stop or comma may stand out at the end of a line, but not at the beginning of one.
        if filled + width > columns - 2 and token not in _CLOSING:
            lines.append(line)
            line, filled = "", 0
        line, filled = line + token, filled + width
    return "\n".join(f"  {one.strip()}" for one in [*lines, line])


def _wrapped(text: str, width: int = 80) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
