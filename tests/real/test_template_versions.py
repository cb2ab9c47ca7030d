"""The template of a former version with data and an open problem, and those of today over it.

Needs Debian 12 and root.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
import yaml

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import CATALOGUE, selected
from tcpwatchd.metrics.graphs import GRAPHS, PAGES
from tcpwatchd.setup.changes import Changes
from tcpwatchd.setup.import_template import import_template
from tcpwatchd.template.generations import GENERATIONS
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tests.lab.import_over import FORMER, Kept, raise_a_problem, seen
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand


@pytest.fixture(scope="module", params=[Stand, SevenStand], ids=["6.0", "7.0"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with brought_up(request.param, push_s=None) as made:
        yield made


def assert_kept(before: Kept, after: Kept) -> None:
    """Items, triggers and graphs may be added; nothing goes, and nothing gets another id."""
    assert before.items.items() <= after.items.items()
    assert set(before.triggers) <= set(after.triggers)
    assert set(before.graphs) <= set(after.graphs)
    assert (before.problems, before.history) == (after.problems, after.history)


def test_over_a_former_template_nothing_is_lost_or_doubled_and_problems_keep_their_ids(stand: Stand) -> None:
    changes = Changes(stand.api, print)  # as `tcpwatchd setup` makes them
    import_template(changes, gzip.decompress(FORMER.read_bytes()).decode())
    stand.create_host("upgraded", TEMPLATE_NAME)
    before = raise_a_problem(stand, "upgraded", stand.server_port)
    config = parse("", "defaults")
    for name in GENERATIONS:
        if stand.version < tuple(map(int, name.split("."))):
            continue
        import_template(changes, template(selected(config), config.push_s, name))
        assert_kept(before, seen(stand, "upgraded"))
        import_template(changes, template(selected(config), config.push_s, name))
        assert changes.made == 2 + list(GENERATIONS).index(name), "the same once more changes nothing"
    names = [item["name"] for item in stand.items("upgraded").values()]
    assert len(set(names)) == len(names), "no item twice under two keys"


def test_each_page_has_what_the_table_of_pages_says(stand: Stand) -> None:
    name = "7.0" if stand.version >= (7, 0) else "6.0"
    stand.import_template(template(CATALOGUE.values(), 60.0, name))
    (shown,) = stand.parts(TEMPLATE_NAME)["dashboards"]
    (export,) = yaml.safe_load(template(CATALOGUE.values(), 60.0, name))["zabbix_export"]["templates"]
    pages = {page["name"]: page for page in export["dashboards"][0]["pages"]}
    assert {page["name"]: len(page["widgets"]) for page in shown["pages"]} == {
        name: len(page["widgets"]) for name, page in pages.items()
    }
    assert set(pages) == {
        name for name, page in PAGES.items() if stand.version >= (7, 0) or not page.services
    }
    graphs = stand.parts(TEMPLATE_NAME)["graphs"]
    assert {graph["name"] for graph in graphs} == {graph.title for graph in GRAPHS.values()}
