"""Every corpus: a module, a folder of facts, splits that leave both halves something; and one stays small to write."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from affekt.core.errors import UserError
from affekt.core.files import read_json, write_json
from affekt.corpora import registry
from affekt.corpora.facts import load_facts
from affekt.corpora.registry import CORPORA, find_corpus
from affekt.corpora.splits import load_splits

FOLDER = Path(__file__).parents[2] / "data" / "corpora"
MOST_LINES = 140  # of a corpus' module: about 100 are promised
MOST_BYTES = 200_000  # of a corpus' facts in git


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(UserError, match=r"got the corpus 'emodb'; known are demo, ravdess"):
        find_corpus("emodb")


@pytest.mark.parametrize("name", CORPORA)
def test_the_facts_of_each_corpus_are_whole(name: str) -> None:
    facts = load_facts(FOLDER / name)
    assert facts.language == "en"
    assert facts.content
    assert facts.licence in (FOLDER / name / "README.md").read_text() or "none" in facts.licence
    splits = read_json(FOLDER / name / "splits.json")
    speakers = [speaker for fold in splits["folds"] for speaker in fold]
    assert set(load_splits(FOLDER / name / "splits.json", speakers).half.values()) == {"a", "b"}
    assert all(speaker.startswith(f"{name}-") for speaker in speakers)
    published = name not in ("demo", "demo_reading")
    assert (facts.clips is not None) == (FOLDER / name / "archive.json").is_file() == published
    if published:
        assert {"url", "licence", "citation"} <= set(read_json(FOLDER / name / "archive.json"))


@pytest.mark.parametrize("name", CORPORA)
def test_no_sound_and_nothing_large_is_in_git(name: str) -> None:
    files = [path for path in (FOLDER / name).rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".csv", ".md"}
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_adding_a_corpus_is_one_file_of_about_100_lines() -> None:
    source = Path(registry.__file__).parent
    sizes = {name: len((source / f"{name}.py").read_text().splitlines()) for name in CORPORA if name != "demo"}
    assert max(sizes.values()) <= MOST_LINES, sizes


def test_the_example_in_contributing_is_the_code() -> None:
    text = (FOLDER.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Add a corpus\n")[2].partition("\n## ")[0]
    blocks = [dedent(block) for block in re.findall(r"(?:(?: {7}.*)?\n)+", section)]
    code = [block.strip("\n") for block in blocks if block.strip()]
    assert len(code) >= 3
    source = (Path(registry.__file__).parent / "librispeech.py").read_text(encoding="utf-8")
    assert [block for block in code if block not in source] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [({"clips": "many"}, "clips is of the wrong kind"), ({"colour": "red"}, "must hold just content, licence")],
)
def test_a_broken_corpus_json_is_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write_json(tmp_path / "corpus.json", read_json(FOLDER / "tess" / "corpus.json") | change)
    with pytest.raises(UserError, match=message):
        load_facts(tmp_path)
