"""The changes that `make mutants` tries: each is a program, and each entry of its exceptions still exists."""

from __future__ import annotations

import pytest

from tests.equivalent_mutants import EQUIVALENT
from tests.generated import ROOT
from tests.mutants import MODULES, mutants


@pytest.mark.parametrize("module", MODULES)
def test_each_change_is_one_place_of_a_module_and_still_a_program(module: str) -> None:
    source = (ROOT / "tcpwatchd" / f"{module}.py").read_bytes()
    found = mutants(module)
    assert len(found) >= 10
    for mutant in found:
        assert source[mutant.begin : mutant.end].decode() == mutant.old
        changed = source[: mutant.begin] + mutant.new.encode() + source[mutant.end :]
        compile(changed, module, "exec")


def test_each_equivalent_change_is_one_that_would_be_tried() -> None:
    tried = {
        (mutant.module, mutant.text, f"{mutant.old} → {mutant.new}")
        for module in MODULES
        for mutant in mutants(module)
    }
    assert set(EQUIVALENT) <= tried


def test_the_tests_of_each_module_exist() -> None:
    for module, files in MODULES.items():
        assert (ROOT / "tcpwatchd" / f"{module}.py").exists()
        for name in files.split():
            assert (ROOT / "tests" / "unit" / name).exists(), name
