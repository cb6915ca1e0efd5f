"""The page of faults is what the tests are marked with."""

from tests.reliability import AREAS, PAGE, faults, page


def test_the_page_is_what_the_tests_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.reliability"


def test_every_mark_is_whole_and_of_an_area_that_there_is():
    found = list(faults())
    assert {fault.area for fault in found} == set(AREAS)
    for fault in found:
        assert fault.happens and fault.comes
        assert "|" not in fault.happens + fault.comes
