"""Reading dvc.yaml: templates, the forms of an out, and the sources of a state."""

from pathlib import Path

import pytest
from toy_repo import make_repo

from affekt.core.errors import StageError
from affekt.core.files import sha256_file
from affekt.core.graph import fill, flatten, items_of, load_graph, look_up, read_stage, source_hashes

VALUES = {"corpus": {"name": "demo"}, "seed": 0, "maximise": {"emotions": ["sad"]}}


def test_stages_have_their_deps_params_and_outs(tmp_path: Path) -> None:
    graph = load_graph(make_repo(tmp_path / "repo"), VALUES)
    assert list(graph) == ["first", "second", "third@mel_cnn", "third@mel_lstm"]
    first, second = graph["first"], graph["second"]
    assert (first.cmd, first.desc) == ("python -m pipeline.first", "Make data from a source")
    assert first.deps == ("data/demo.txt", "pipeline/first.py")
    assert first.data_deps() == ("data/demo.txt",)
    assert first.params == ("seed", "generation")
    assert second.outs == ("reports/parts/second", "reports/metrics/second.json")


def test_outs_metrics_and_plots_are_outs_in_each_form() -> None:
    entry = {
        "cmd": "x",
        "outs": ["a", {"b": {"cache": False}}],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": ["p"],
    }
    spec = read_stage("s", entry, {})
    assert spec.outs == ("a", "b", "m.json", "p")
    assert (spec.deps, spec.params, spec.desc) == ((), (), "")


def test_a_matrix_is_a_stage_for_each_item(tmp_path: Path) -> None:
    graph = load_graph(make_repo(tmp_path / "repo"), VALUES)
    for item in ("mel_cnn", "mel_lstm"):
        spec = graph[f"third@{item}"]
        assert spec.name == f"third@{item}"
        assert spec.cmd == f"python -m pipeline.third {item}"
        assert spec.outs == (f"models/{item}",)
        assert spec.params == ("seed", f"networks.{item}")
        assert spec.deps == ("data/demo.txt", "pipeline/third.py")


def test_a_matrix_of_one_key_with_items_of_any_kind() -> None:
    def names(matrix: dict[str, list[object]]) -> list[str]:
        return [str(item) for item in items_of("s", {"matrix": matrix})]

    assert items_of("s", {}) == [None]
    assert names({"fold": [1, 2]}) == ["1", "2"]
    assert names({"x": []}) == []
    assert fill("${item.fold}-${seed}", {**VALUES, "item": items_of("s", {"matrix": {"fold": [3]}})[0]}) == "3-0"
    with pytest.raises(StageError, match=r"dvc\.yaml: stage s: its matrix has 2 keys; the runner reads one"):
        names({"a": [1], "b": [2]})


def test_templates_are_filled_and_unknown_ones_named() -> None:
    assert fill("a/${corpus.name}/${ seed }", VALUES) == "a/demo/0"
    assert fill("plain $name {x}", VALUES) == "plain $name {x}"
    for key in ("corpus.nam", "seed.x", "nothing"):
        with pytest.raises(StageError, match=rf"dvc\.yaml names the parameter {key}, which params\.yaml does not have"):
            fill(f"${{{key}}}", VALUES)


def test_dotted_keys() -> None:
    assert look_up(VALUES, "corpus.name") == "demo"
    assert look_up(VALUES, "corpus") == {"name": "demo"}
    assert flatten(VALUES) == {"corpus.name": "demo", "seed": 0, "maximise.emotions": ["sad"]}


def test_sources_are_what_no_stage_makes(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "repo")
    hashes = source_hashes(root, load_graph(root, VALUES))
    assert list(hashes) == ["data/demo.txt", "pipeline/first.py", "pipeline/second.py", "pipeline/third.py"]
    assert hashes["data/demo.txt"] == sha256_file(root / "data" / "demo.txt")
