"""Charts: marks lie where their values are, words are escaped, gaps are gaps."""

import re
import xml.etree.ElementTree as ElementTree

from affekt.report import charts


def circles(svg: str, css: str) -> list[float]:
    tree = ElementTree.fromstring(svg)
    return [float(c.attrib["cx"]) for c in tree.iter("circle") if css in c.attrib["class"]]


def test_dumbbell_places_rates_on_its_track() -> None:
    svg = charts.dumbbell("x", 0.0, 1.0, 0.125, "judge")
    (track,) = [e for e in ElementTree.fromstring(svg).iter("line") if e.attrib["class"] == "track"]
    assert circles(svg, "hollow") == [float(track.attrib["x1"])]
    assert circles(svg, "full") == [float(track.attrib["x2"])]


def test_curve_rises_on_the_screen_when_the_rate_rises() -> None:
    svg = charts.curve("x", [0, 10], [([0, 10], charts.Series("judge", "judge", [0.0, 1.0]))], 0.125)
    (line,) = ElementTree.fromstring(svg).iter("polyline")
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    assert x1 > x0
    assert y1 < y0  # SVG counts downwards


def test_dots_leave_out_what_is_not_there() -> None:
    series = [charts.Series("women", "women", [200.0, float("nan")])]
    svg = charts.dots("x", ["happy", "sad"], series, 400, "Hz")
    assert len(circles(svg, "women")) == 1
    assert "nan" not in svg


def test_words_are_escaped() -> None:
    svg = charts.dots('<"&', ["<i>"], [charts.Series("a", "women", [1.0])], 4, "Hz")
    ElementTree.fromstring(svg)
    assert "<i>" not in svg


def test_columns_are_as_high_as_their_counts() -> None:
    svg = charts.columns("x", [1, 2, 0], [0.0, 1.0, 2.0, 3.0], "s")
    heights = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    assert heights[1] == 2 * heights[0]
    assert heights[2] == 0
