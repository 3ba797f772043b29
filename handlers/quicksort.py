"""Quicksort, as a model for workflows that call themselves and join again.

A piece that is small is sorted; a larger one is split at a pivot, and its two halves are sent to
the same queue, to be sorted wherever a worker is free. Every piece knows the place of its first
number in the result, so the pieces may arrive in any order: the atomic merge keeps what has come,
and when all numbers are there, it writes them to a file and completes the incident.

Start it with ``python -m handlers.quicksort 10000`` while ``python manager.py`` runs.
"""

import argparse
import json
import os
import random
from pathlib import Path
from typing import Any

import workflow

SMALL = 500


@workflow.handler(queue="quicksort_sort")
def sort_handler(message: dict[str, Any]) -> None:
    numbers, place = message["numbers"], message["place"]
    if len(numbers) <= SMALL:
        piece = {"place": place, "numbers": sorted(numbers)}
        workflow.send("quicksort_merge", {**message, **piece}, src_tag="sorted")
        return
    # The median of a few spares lists that have some order already the worst case.
    few = sorted(numbers[:: len(numbers) // 9])
    pivot = few[len(few) // 2]
    smaller = [each for each in numbers if each < pivot]
    equal = [each for each in numbers if each == pivot]
    larger = [each for each in numbers if each > pivot]
    middle = {"place": place + len(smaller), "numbers": equal}
    workflow.send("quicksort_merge", {**message, **middle}, src_tag="pivot")
    for part, first in ((smaller, place), (larger, place + len(smaller) + len(equal))):
        if part:
            workflow.send("quicksort_sort", {**message, "place": first, "numbers": part})


@workflow.atomic
@workflow.handler(queue="quicksort_merge")
def merge_handler(message: dict[str, Any]) -> None:
    incident = message["IncidentID"]
    workflow.Persist.Put(incident, {"place": message["place"], "numbers": message["numbers"]})
    pieces = sorted(workflow.Persist.Get(incident), key=lambda piece: piece["place"])
    if sum(len(piece["numbers"]) for piece in pieces) < message["total"]:
        return
    result = [number for piece in pieces for number in piece["numbers"]]
    path = Path(message["result"])
    # Written aside and renamed: nobody sees half a file, and a second attempt does no harm.
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(result))
    os.replace(aside, path)
    print(f"Sorted {len(result)} numbers into {path}")
    workflow.Complete(incident)


def start(numbers: list[float], result: Path) -> str:
    """Sends the numbers off; returns the incident. When that is complete, ``result`` is there."""
    incident = workflow.CreateIncident(name=f"quicksort of {len(numbers)}", kind="QUICKSORT")
    first = {
        "IncidentID": incident,
        "numbers": numbers,
        "place": 0,
        "total": len(numbers),
        "result": str(result.absolute()),
    }
    workflow.send("quicksort_sort", first)
    workflow.FlushMessages()
    return incident


def main() -> None:
    parser = argparse.ArgumentParser(description="Sort random numbers with the running workers.")
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("-o", "--output", type=Path, default=Path("sorted.json"))
    given = parser.parse_args()
    if given.count < 0 or not given.output.absolute().parent.is_dir():
        parser.error("COUNT has to be 0 or more, and the folder of the output has to be there")
    print(start([random.random() for _ in range(given.count)], given.output))


if __name__ == "__main__":
    main()
