"""The catalogue as explanations on a terminal: of a state, an item, a discovery rule, an alarm.

Text only; two calls give the same bytes.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.metric import Described, Rule
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.metrics.triggers import in_pushes
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.states_zh import COLON, KEYS, LOOK, RISE, STATE_TEXTS_ZH

_CLOSING = tuple("，。；：、）")  # noqa: RUF001 - Chinese punctuation is what is meant


def trigger_explanation(name: str, trigger: Trigger, width: int = 80) -> str:
    """What an alarm means, how bad it is, and what to do next."""
    return "\n".join(
        [
            name,
            f"  {trigger.title}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in trigger.paragraphs),
            *(
                _wrapped(f"{when}: {in_pushes(expression).replace('/T/', '//')}", width)
                for when, expression in (("Begins", trigger.problem), ("Ends", trigger.recovery))
                if expression
            ),
        ]
    )


def explanation(metric: Described, width: int = 80) -> str:
    """What an item is, what a rise means, what to look at next."""
    units = f", in {metric.units}" if metric.units else ""
    return "\n".join(
        [
            metric.key,
            f"  {metric.name}{units}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in metric.paragraphs),
        ]
    ).rstrip()


def rule_explanation(rule: Rule, width: int = 80) -> str:
    """What a discovery rule finds, and the keys that Zabbix makes of it."""
    keys = ", ".join(prototype.key for prototype in rule.prototypes)
    return "\n".join(
        [rule.key, f"  {rule.name}", "", _wrapped(rule.meaning, width), "", _wrapped(f"Keys: {keys}", width)]
    )


def state_explanation(state: State, width: int = 80) -> str:
    """The same for a state, with its keys."""
    text = STATE_TEXTS[state]
    rfc = "" if text.title == state.name else f" (RFC 9293: {text.title})"
    keys = ", ".join(metric.key for metric in CATALOGUE.values() if metric.state is state)
    return "\n".join(
        [
            f"{state.name}{rfc}: {text.summary}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in (*text.paragraphs, f"Keys: {keys}")),
        ]
    ).rstrip()


def state_explanation_zh(state: State, columns: int = 80) -> str:
    """The same in Chinese."""
    text = STATE_TEXTS_ZH[state]
    keys = "、".join(metric.key for metric in CATALOGUE.values() if metric.state is state)
    paragraphs = (text.meaning, f"{RISE}{text.rise}", f"{LOOK}{text.look}", f"{KEYS}{keys}")
    first = f"{text.title}{COLON}{text.summary}"
    return "\n\n".join([first, *(_wrapped_wide(one, columns) for one in paragraphs)])


def _wrapped_wide(text: str, columns: int) -> str:
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


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
