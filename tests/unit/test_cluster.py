"""A sweep over a Ray cluster: two workers that are started here, and what acts as a cluster."""

import os
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from longlive_widget import PRESETS, Engine
from longlive_widget.errors import CapabilityError, GeometryError
from longlive_widget.measure.cluster import _Crew, over_cluster
from longlive_widget.measure.records import read
from longlive_widget.measure.sweep import Grid, Maker, sweep

SIZE_PX = (64, 32)
COARSE = PRESETS["reference"].with_(name="coarse", denoise_steps=(1000,))
FINER = PRESETS["reference"].with_(name="finer", denoise_steps=(1000, 500))
GRID = Grid("tiny", (FINER, COARSE), ("a red ball", "a star"), (0, 3), 1, SIZE_PX)
FEW = replace(GRID, seeds=(3,))


@dataclass(frozen=True)
class Loading:
    """Loads the embedded model, after the first process has ended and two others have come."""

    folder: Path

    def __call__(self, preset) -> Engine:
        if not list(self.folder.iterdir()):
            (self.folder / "lost").touch()
            os._exit(1)
        (self.folder / f"process.{os.getpid()}").touch()
        while len(list(self.folder.glob("process.*"))) < 2:
            time.sleep(0.05)
        return Engine.load("tiny", preset, device="cpu")


def load(preset):
    return Engine.load("tiny", preset, device="cpu")


def told(records):
    return sorted(
        (r.preset.name, r.facts["prompt"], r.counts["seed"], r.facts["pictures_sha256"])
        for r in records
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    return told(sweep(FEW, load, tmp_path_factory.mktemp("local") / "records.jsonl"))


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20, include_dashboard=False)
    yield cluster.address
    cluster.shutdown()


def test_workers_make_what_one_process_makes_though_one_is_lost(address, local, tmp_path):
    notes, path = tmp_path / "notes", tmp_path / "records.jsonl"
    notes.mkdir()
    added = sweep(FEW, Loading(notes), path, spread=over_cluster(address))
    assert told(added) == told(read(path)) == local
    assert sorted(path.stem for path in notes.iterdir()) == ["lost", "process", "process"]
    assert sweep(FEW, Loading(notes), path, spread=over_cluster(address)) == ()


class ActorError(Exception):
    """A worker is gone."""


class TaskError(Exception):
    """A worker has made a mistake."""

    def __init__(self, cause) -> None:
        super().__init__(str(cause))
        self.cause = cause


class ActingRay:
    """What the sweep asks of Ray, in this process: answers come in the order of asking.

    `lost` says at which calls of a worker's method it is lost, counted over all workers.
    """

    exceptions = SimpleNamespace(RayActorError=ActorError, RayTaskError=TaskError)

    def __init__(self, *, gpus=0, machines=2, lost=()) -> None:
        self.gpus, self.machines, self.lost = gpus, machines, lost
        self.calls, self.hired, self.killed, self.wanted = 0, 0, 0, {}

    def put(self, value):
        return value

    def cluster_resources(self):
        return {"CPU": 8.0} | ({"GPU": float(self.gpus)} if self.gpus else {})

    def nodes(self):
        return [{"Alive": True}] * self.machines + [{"Alive": False}]

    def remote(self, made):
        ray = self

        class Method:
            def __init__(self, call) -> None:
                self.call = call

            def remote(self, *given):
                ray.calls += 1
                number = ray.calls
                if number in ray.lost:
                    return number, ActorError("it is gone\nall of it")
                try:
                    return number, self.call(*given)
                except GeometryError as error:
                    return number, TaskError(error)

        class Remote:
            def __init__(self, loader) -> None:
                ray.hired += 1
                self.ready, made_here = Method(lambda: None), made(loader)
                self.make = Method(made_here.make)

        class Class:
            def options(self, **wanted: object):
                ray.wanted = wanted
                return SimpleNamespace(remote=Remote)

        return Class()

    def wait(self, answers):
        return answers[:1], answers[1:]

    def get(self, answer):
        if isinstance(answer[1], Exception):
            raise answer[1]
        return answer[1]

    def kill(self, _worker):
        self.killed += 1


@pytest.fixture
def made(monkeypatch):
    """The presets that were made something of, in order; nothing is computed."""
    order = deque()

    def make(self, item):
        self._load(item.preset)
        order.append(item.preset.name)
        return item

    monkeypatch.setattr(Maker, "make", make)
    return order


def keys(items):
    return sorted(item.key for item in items)


def spread_over(ray, load=lambda _: None, items=GRID.items):
    return list(_Crew(ray, load, items).records())


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("ray", "workers", "wanted_gpus"),
    [
        (ActingRay(gpus=3, machines=1), 3, 1),
        (ActingRay(machines=2), 2, 0),
        (ActingRay(machines=99), 8, 0),
    ],
)
def test_there_is_a_worker_for_each_gpu_or_each_machine_but_none_without_work(
    ray, workers, wanted_gpus
):
    assert keys(spread_over(ray)) == keys(GRID.items)
    assert (ray.hired, ray.killed, ray.wanted["num_gpus"]) == (workers, workers, wanted_gpus)


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a worker of a cluster is lost",
    "another makes what it was at, and nothing is made twice",
)
@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("lost", [(1,), (3,), (2, 4, 9)])
def test_what_a_lost_worker_was_at_is_made_by_another_and_nothing_twice(lost):
    ray = ActingRay(lost=lost)
    assert keys(spread_over(ray)) == keys(GRID.items)
    assert ray.hired == 2 + len(lost)


def test_a_worker_goes_on_with_the_preset_that_it_has_loaded(made):
    ray = ActingRay(machines=1)
    spread_over(ray, items=GRID.items[::3] + GRID.items[1::3])
    assert list(made) == sorted(made, key=made.index)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("lost", "over"), [((1, 2, 3), "a worker that starts"), ((2, 4, 6), "prompt 'a red ball', 0")]
)
def test_what_ends_every_worker_is_given_up(lost, over):
    ray = ActingRay(machines=1, lost=lost)
    says = rf"3 workers were lost over {over} \(it is gone\): look at the logs"
    with pytest.raises(CapabilityError, match=says):
        spread_over(ray)


@pytest.mark.usefixtures("made")
def test_a_mistake_comes_back_as_it_was_made():
    def mistaken(_):
        raise GeometryError("pictures of 0 x 0")

    with pytest.raises(GeometryError, match="pictures of 0 x 0"):
        spread_over(ActingRay(), mistaken)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere"])
def test_a_cluster_that_does_not_answer_is_told(address, tmp_path):
    spread = over_cluster(address)
    with pytest.raises(CapabilityError, match=f"no Ray cluster answers at '{address}'"):
        sweep(GRID, load, tmp_path / "records.jsonl", spread=spread)
