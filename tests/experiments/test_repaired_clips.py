"""The tables of repaired clips, from figures that are made up."""

from typing import Any

from repaired_clips import tables


def figures(most: float, missing: float) -> dict[str, Any]:
    """What is measured of a clip with a single stance."""
    quality = {"repair_stance_median_before": 0.4, "repair_stance_median_after": 0.02, "repair_change_mean_cm": 1.25}
    stance = {"first": 3, "last": 30, "frames": 2, "most": most, "worst": 17, "reason": "a push"}
    place = {"joint": "flex_extension", "frame": 12, "missing_nm": 51.0, "needed_nm": 400.0, "root_bw": 0.12}
    trunk = {"before": place | {"missing": 0.1}, "after": place | {"missing": missing}}
    return {"quality": quality, "stances": [stance], "trunk": trunk}


def test_what_is_left_is_listed_with_frame_and_reason_where_it_is_too_much() -> None:
    stance, frames, torque = tables({"walk b 8.3": figures(0.2, 0.01), "spin b 8.3": figures(0.6, 0.05)}.items()).split(
        "\n\n"
    )
    assert "| spin | `b` | 0.40, 0.02 |" in stance and "1.2, 0.0 cm" in stance
    assert "walk" not in frames and "| spin | `b` | 3 to 30 | 2 | 0.60 at 17 | a push |" in frames
    good, bad = torque.splitlines()[2:]
    assert good == "| walk | `b` | 10.0, 1.0 % |  |"
    assert "10.0, 5.0 % | flex_extension at frame 12: 51 of 400 N m, 0.12 BW at the root unexplained" in bad
