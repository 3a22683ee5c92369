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


def test_strips_show_every_measurement_their_mean_and_its_interval() -> None:
    row = charts.Strip("mixup", "network", [-0.1, 0.0, 0.1], 0.05, (-0.05, 0.5))
    svg = charts.strips("x", [row], -0.2, 0.2, 0.0)
    middle, half = (118 + 342) / 2, (342 - 118) / 2
    assert circles(svg, "run network") == [middle - half / 2, middle, middle + half / 2]
    tree = ElementTree.fromstring(svg)
    (bar,) = [e for e in tree.iter("line") if e.attrib["class"] == "bar network"]
    assert float(bar.attrib["x1"]) == middle - half / 4
    assert float(bar.attrib["x2"]) == 342, "what lies outside is cut at the edge"
    (mean,) = [e for e in tree.iter("rect") if e.attrib["class"] == "full network"]
    assert float(mean.attrib["x"]) == middle + half / 4 - 1.5


def test_a_calibrated_bin_lies_on_the_diagonal_and_its_area_is_its_share() -> None:
    svg = charts.reliability("x", [("network", [(0.5, 0.5, 30), (1.0, 0.75, 10)])])
    tree = ElementTree.fromstring(svg)
    (diagonal,) = [e for e in tree.iter("line") if e.attrib["class"] == "chance"]
    x1, x2, y1, y2 = (float(diagonal.attrib[key]) for key in ("x1", "x2", "y1", "y2"))
    first, second = tree.iter("circle")
    assert (float(first.attrib["cx"]), float(first.attrib["cy"])) == ((x1 + x2) / 2, (y1 + y2) / 2)
    assert float(second.attrib["cx"]) == x2
    assert float(second.attrib["cy"]) == y1 + 0.75 * (y2 - y1)
    areas = [(float(disc.attrib["r"]) - 1.5) ** 2 for disc in (first, second)]
    assert abs(areas[0] / areas[1] - 3) < 0.05


def test_an_ensemble_is_a_diamond() -> None:
    svg = charts.dots("x", ["happy"], [charts.Series("ensemble", "ensemble", [0.5])], 1.0, "%")
    (diamond,) = [e for e in ElementTree.fromstring(svg).iter("rect") if "ensemble" in e.attrib["class"]]
    assert diamond.attrib["transform"].startswith("rotate(45 ")
