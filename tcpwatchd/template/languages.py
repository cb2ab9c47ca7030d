"""The languages of descriptions. Names are English in all of them: classic graphs have no other font."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tcpwatchd.metrics.metric import Described, Rule
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.template.chinese import (
    macro_meaning_zh,
    paragraphs_zh,
    rule_meaning_zh,
    trigger_paragraphs_zh,
)
from tcpwatchd.template.text_zh import TEMPLATE_ZH


@dataclass(frozen=True)
class Language:
    """What is said of an item, a trigger, a discovery rule, a macro (by its English), and of the template."""

    item: Callable[[Described], Sequence[str]]
    trigger: Callable[[str, Trigger], Sequence[str]]
    rule: Callable[[Rule], str]
    macro: Callable[[str, str], str]
    template: str


ENGLISH, CHINESE = "en", "zh"
LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        ENGLISH: Language(
            item=lambda metric: metric.paragraphs,
            trigger=lambda _, trigger: trigger.paragraphs,
            rule=lambda rule: rule.meaning,
            macro=lambda _, words: words,
            template="TCP socket states of a host, sampled and pushed by tcpwatchd. Printed by "
            "`tcpwatchd template`; import it again after a change of the host's configuration.",
        ),
        CHINESE: Language(
            item=paragraphs_zh,
            trigger=trigger_paragraphs_zh,
            rule=rule_meaning_zh,
            macro=lambda macro, _: macro_meaning_zh(macro),
            template=TEMPLATE_ZH,
        ),
    }
)
