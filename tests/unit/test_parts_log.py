"""Profiles beside each other in the log: groups of parts, and what FP8 takes of each part."""

from dataclasses import replace

from longlive_widget import PRESETS
from longlive_widget.measure.log import log_page
from longlive_widget.measure.record import Commit
from tests.unit.written_record import record

REFERENCE = record(preset=PRESETS["reference"], samples={"block_ms": [800.0] * 6}, facts={})


def profiled(name: str, parts: dict[str, float], **changes: object):
    samples = {"block_ms": [300.0]} | {f"{part}_ms": [ms] for part, ms in parts.items()}
    told = {"preset": PRESETS[name], "samples": samples, "facts": {}}
    return record(kind="profile", **told | changes)


BALANCED = profiled(
    "balanced",
    {"self_attention": 120.0, "feed_forward_up": 30.0, "decoder_head": 80.0, "gaps": 5.0},
)
IN_FP8 = profiled(
    "speed",
    {
        "self_attention": 100.0,
        "feed_forward_up": 12.0,
        "feed_forward_activation": 8.0,
        "norms_and_modulation": 16.0,
    },
)


def side_by_side(*records: object) -> str:
    page = log_page((REFERENCE, *records))
    return page.split("## Part by part")[1].split("\n## ")[0] if "## Part by part" in page else ""


def test_profiles_stand_beside_each_other_by_groups_of_parts():
    told = side_by_side(BALANCED, IN_FP8)
    assert "| preset | commit | block | attention | linears | decoder | rest | gaps |" in told
    assert "| `balanced` [2] | 29f12ca | 300.0 | 120.0 | 30.0 | 80.0 | 0.0 | 5.0 |" in told
    assert "| `speed` [3] | 29f12ca | 300.0 | 100.0 | 12.0 | 0.0 | 24.0 | 0.0 |" in told
    assert "told apart" not in told
    assert not side_by_side(BALANCED), "one has nothing beside it"
    assert not side_by_side(BALANCED, replace(IN_FP8, model="other"))


def test_a_profile_in_fp8_stands_beside_the_same_work_in_the_models_numbers():
    told = side_by_side(BALANCED, IN_FP8).split("### What FP8 takes: `speed` [3] beside ")[1]
    assert told.startswith("`balanced` [2]\n")
    other = "`cuda_graphs`, `decode_behind`, `decode_first`"
    assert f"The two differ in {other} too.\n" in told
    assert [row for row in told.splitlines() if row.startswith("|")] == [
        "| part | `balanced` [2] | `speed` [3] | times as fast |",
        "|---|---|---|---|",
        "| self attention | 120.0 | 100.0 | 1.20 |",
        "| feed forward up | 30.0 | 12.0 | 2.50 |",
        "| feed forward activation | 0.0 | 8.0 |  |",
        "| norms and modulation | 0.0 | 16.0 |  |",
        "| all of these | 150.0 | 136.0 | 1.10 |",
    ]


def test_other_work_or_another_commit_is_not_held_against_fp8():
    other = replace(BALANCED, commit=Commit("b" * 40, dirty=False))
    fewer_steps = replace(BALANCED, preset=PRESETS["ultra"])
    assert "FP8" not in side_by_side(other, fewer_steps, IN_FP8)


def test_where_kernels_were_not_told_apart_that_is_told_and_nothing_is_held_against_them():
    samples = BALANCED.samples | {"steps_as_a_cuda_graph_ms": (15.0,)}
    told = side_by_side(replace(BALANCED, samples=samples), IN_FP8)
    assert "\nOf `balanced` [2] some of what the transformer's graph replays was not told" in told
    assert "\nNot to be told: some of what is replayed was not told apart" in told
    assert "times as fast" not in told


def test_a_profile_says_what_blocks_take_on_which_a_prompt_lands():
    samples = BALANCED.samples | {
        "switched_block_ms": (500.0, 510.0, 540.0),
        "switched_text_encoder_ms": (20.0, 21.0, 22.0),
        "switched_re_cache_ms": (120.0, 121.0, 131.0),
    }
    one = replace(BALANCED, samples=samples)
    told = (
        "\n3 blocks on which a prompt lands: 510.0 ms (longest 540.0), reading it 21.0 ms (longest "
        "22.0), re-cache 121.0 ms (longest 131.0).\n"
    )
    assert told in log_page((REFERENCE, one))
    single = replace(one, samples={name: ms[:1] for name, ms in samples.items()})
    told = "\n1 block on which a prompt lands: 500.0 ms, reading it 20.0 ms, re-cache 120.0 ms.\n"
    assert told in log_page((REFERENCE, single))
    assert "on which a prompt lands" not in log_page((REFERENCE, BALANCED))
