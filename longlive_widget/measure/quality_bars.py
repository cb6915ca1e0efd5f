"""What the embedded model is to reach, held against what was found.

Knows nothing of how it was found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

TIMED_PRESET = "balanced"
"""The rate of this preset has a bar, whichever preset is judged."""
ADHERENCE = {"color": 0.97, "shape": 0.95, "motion": 0.92, "ground": 0.97}
ADHERENCE_AFTER_SWITCH = {"color": 0.95, "shape": 0.92, "motion": 0.90, "ground": 0.95}
KEPT = 0.95
LATE_AGAINST_EARLY = 0.97
RECONSTRUCTION_DB = 34.0
PICTURES_PER_SECOND = 26.0
PACKAGE_MB = 15.0


@dataclass(frozen=True)
class Bar:
    """A figure, None where nothing was judged, and the least that it is to be, or the most.

    `count` is of how many videos or seeds it is, where these are few.
    """

    figure: float | None
    bar: float
    count: int | None = None
    at_most: bool = False

    @property
    def held(self) -> bool | None:
        """Whether the figure reaches the bar, or stays below it; None without a figure."""
        if self.figure is None:
            return None
        return self.figure <= self.bar if self.at_most else self.figure >= self.bar

    def as_json(self) -> dict[str, float | bool | None]:
        """It as JSON has it; a count only where there is one, "at_most" only where it is so."""
        told = {**asdict(self), "held": self.held}
        unsaid = {"count": self.count is None, "at_most": not self.at_most}
        return {name: value for name, value in told.items() if not unsaid.get(name)}

    def __str__(self) -> str:
        shown = "not judged" if self.figure is None else f"{self.figure:.3g}"
        held = {True: "held", False: "missed", None: "open"}[self.held]
        of = "" if self.count is None else f" of {self.count}"
        most = " at most" if self.at_most else ""
        return f"{shown}{of} ({self.bar:g} wanted{most}: {held})"


def bars_of(
    *,
    start: Mapping[str, float],
    switched: Mapping[str, float],
    ground_kept: float | None,
    place_kept: float | None,
    early: float | None,
    late: float | None,
    long_prompts: int,
    reconstruction_db: float,
    fewer_steps_db: Mapping[str, Sequence[float]],
    pictures_per_second: float | None,
    package_mb: float,
) -> dict[str, Bar]:
    """Each bar under its name.

    Args:
        start: the shares of prompts by attribute.
        switched: the same after a switch.
        ground_kept: of switches that don't name the ground.
        place_kept: of switches that don't name a motion or a size.
        early: the share of the few long videos in which all is right at block 10.
        late: the same at block 200.
        long_prompts: how many long videos there were.
        reconstruction_db: the autoencoder's PSNR.
        fewer_steps_db: the PSNR of each seed, by schedule.
        pictures_per_second: of `TIMED_PRESET`, None where it cannot run.
        package_mb: the package zipped as its wheel is, in millions of bytes.
    """

    def each() -> Iterator[tuple[str, Bar]]:
        for name, bar in ADHERENCE.items():
            yield f"adherence_{name}", Bar(start[name], bar)
        for name, bar in ADHERENCE_AFTER_SWITCH.items():
            yield f"adherence_after_switch_{name}", Bar(switched[name], bar)
        yield "ground_kept", Bar(ground_kept, KEPT)
        yield "place_kept", Bar(place_kept, KEPT)
        ratio = late / early if early and late is not None else None
        yield "block_200_against_10", Bar(ratio, LATE_AGAINST_EARLY, long_prompts)
        yield "autoencoder_psnr_db", Bar(reconstruction_db, RECONSTRUCTION_DB)
        pairs = list(zip(fewer_steps_db["3 steps"], fewer_steps_db["2 steps"], strict=True))
        better = sum(three > two for three, two in pairs)
        yield "seeds_with_3_steps_above_2", Bar(better, len(pairs), len(pairs))
        yield f"pictures_per_second_{TIMED_PRESET}", Bar(pictures_per_second, PICTURES_PER_SECOND)
        yield "package_mb", Bar(package_mb, PACKAGE_MB, at_most=True)

    return dict(each())
