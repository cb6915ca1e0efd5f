"""What torch's allocator for the host gives out."""

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def most_bytes(work: Callable[[], object]) -> int:
    """The most that it has given out at once, beyond what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    found = (e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]")
    now = most = 0
    for event in sorted(found, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most
