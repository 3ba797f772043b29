import json
import random
from collections import Counter

import pytest

from handlers import quicksort
from layout import ROOT
from workflow import MessageStatus
from workflow.progress import follow


def test_ten_thousand_numbers_are_sorted_by_four_workers(manager, script, shared_engine, tmp_path):
    manager("-p", "4", "handlers.quicksort")
    started = script("-m", "handlers.quicksort", "10000", PYTHONPATH=str(ROOT))
    incident = started.output()
    ended = follow(shared_engine, incident, lambda line: None, patience_seconds=60)
    assert (ended.status.value, ended.ended_by) == ("COMPLETE", "merge_handler")
    numbers = json.loads((tmp_path / "sorted.json").read_text())
    assert len(numbers) == 10_000
    assert numbers == sorted(numbers)
    assert set(shared_engine.counts(incident)) == {MessageStatus.COMPLETE}


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [1.0],
        [2.0] * 2000,
        list(range(2000)),
        list(range(2000, 0, -1)),
        [random.Random(1).choice([1, 2, 3]) for _ in range(3000)],
    ],
    ids=["none", "one", "equal", "sorted", "reversed", "few values"],
)
def test_it_sorts_what_quicksorts_stumble_over(tmp_path, monkeypatch, numbers):
    import workflow
    from workflow import Engine, Settings, api

    with Engine(
        Settings(database_url=f"sqlite:///{tmp_path / 'w.db'}"), registry=api.registry
    ) as engine:
        monkeypatch.setattr(api, "_default", engine)
        incident = quicksort.start(numbers, tmp_path / "out.json")
        workflow.execute(until_idle=True)
        assert engine.incident(incident).status.value == "COMPLETE"
    result = json.loads((tmp_path / "out.json").read_text())
    assert result == sorted(numbers)
    assert Counter(result) == Counter(numbers)
