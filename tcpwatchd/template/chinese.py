"""The Chinese of every item, trigger and macro: put together as the English in `metrics` is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tcpwatchd.kernel.counter_estimates import CROWDS
from tcpwatchd.metrics.metric import Described, Rule
from tcpwatchd.metrics.state_metrics import OLD, OWNERS, STATISTICS, UNANSWERED
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states_zh import COLON, LOOK, RISE, STATE_TEXTS_ZH
from tcpwatchd.template.counters_zh import COUNTERS_ZH
from tcpwatchd.template.own_values_zh import OWN_VALUES_ZH
from tcpwatchd.template.sockets_zh import FOUND_ZH, LIMITS_ZH, OTHERS_ZH, STATISTICS_ZH
from tcpwatchd.template.text_zh import ENDS_ZH, MACROS_ZH, SEVERITIES_ZH, SILENT_ZH, STOPS_ZH, Text
from tcpwatchd.template.triggers_zh import TRIGGERS_ZH

_KEY = re.compile(r"tcpwatchd\.(?P<part>[a-z0-9.]+)\[(?P<name>[^\]]+)\]")
_STATISTIC_OF = {
    **{statistic.key: name for name, statistic in (*STATISTICS.items(), *OWNERS.items())},
    UNANSWERED.key: "unanswered",
    OLD.key: "old",
}
_STATES = {state.parameter: state for state in State}


def text_of(key: str) -> Text:
    """Of an item, or of a prototype of items. KeyError where there is none."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise KeyError(key)
    part, name = match["part"], match["name"]
    if f"tcpwatchd.{part}" in _STATISTIC_OF:
        return _of_state(STATISTICS_ZH[_STATISTIC_OF[f"tcpwatchd.{part}"]], _STATES[name])
    if part in ("service", "service.delta"):
        return _of_service(part, _STATES[name.rpartition(",")[2]])
    if part == "namespace":
        number = OTHERS_ZH[f"namespace.{name.rpartition(',')[2]}"]
        return number._replace(look=OTHERS_ZH["namespace.look"].meaning)
    if part == "counter":
        return _behind(OTHERS_ZH[part], COUNTERS_ZH[name])
    if part.startswith("limit"):
        return _behind(OTHERS_ZH[part], LIMITS_ZH[name])
    return OWN_VALUES_ZH[name] if part == "self" else FOUND_ZH[f"{part}[{name}]"]


def _behind(first: Text, text: Text) -> Text:
    return text._replace(meaning=first.meaning + text.meaning)


def _of_state(statistic: Text, state: State) -> Text:
    text = STATE_TEXTS_ZH[state]
    return Text(statistic.meaning + text.meaning, statistic.rise or text.rise, statistic.look or text.look)


def _of_service(part: str, state: State) -> Text:
    first = OTHERS_ZH[part]
    if part == "service" and state in CROWDS:
        first = _behind(first, OTHERS_ZH["service.large"])
    return _of_state(first, state)


def paragraphs_zh(metric: Described) -> Sequence[str]:
    """What it is, what a rise means, what to look at next."""
    text = text_of(metric.key)
    return text.meaning, f"{RISE}{text.rise}", f"{LOOK}{text.look}"


def trigger_paragraphs_zh(name: str, trigger: Trigger) -> Sequence[str]:
    """What it means, how bad that is and why, what to do next, when it is silent, and how it ends."""
    text = TRIGGERS_ZH[name]
    return (
        text.meaning,
        f"{SEVERITIES_ZH[trigger.severity]}{COLON}{text.why}",
        f"{LOOK}{text.todo}",
        f"{SILENT_ZH}{text.silent}",
        f"{ENDS_ZH}{text.ends}",
    )


def rule_meaning_zh(rule: Rule) -> str:
    """What a discovery rule finds."""
    return OTHERS_ZH[f"rule.{rule.key.split('.')[1]}"].meaning


def macro_meaning_zh(macro: str) -> str:
    """What a macro is for."""
    return MACROS_ZH[macro.removeprefix("{$TCPWATCHD.").rstrip("}")]


def summary_zh(key: str) -> str:
    """The first sentence of what an item is; of a counter or a limit, without what is said of all of them."""
    part, _, name = key.removeprefix("tcpwatchd.").partition("[")
    texts = {"counter": COUNTERS_ZH, "limit": LIMITS_ZH}.get(part)
    return _first(texts[name.rstrip("]")].meaning if texts else text_of(key).meaning)


def rule_summary_zh(rule: Rule) -> str:
    """The first sentence of what it finds."""
    return _first(rule_meaning_zh(rule))


def trigger_summary_zh(name: str) -> str:
    """The first sentence of what it means."""
    return _first(TRIGGERS_ZH[name].meaning)


def _first(text: str) -> str:
    return re.split(f"[{STOPS_ZH}]", text, maxsplit=1)[0]
