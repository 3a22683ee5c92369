"""What is broken in a page: references that lead nowhere, pictures that do not decode, players that are silent."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from affekt.report.audio import SILENCE_DBFS, rms_dbfs

MIN_PLAYER_S = 0.2


class _References(HTMLParser):
    """Collects what a page refers to (src, href, srcset, poster), its ids, and pictures without alt text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.without_alt: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name in ("src", "href", "poster", "xlink:href"):
            if name in values:
                self.links.add(values[name])
        self.links.update(part.split()[0] for part in values.get("srcset", "").split(",") if part.split())
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "img" and not values.get("alt"):
            self.without_alt.append(values.get("src", "?"))


def find_faults(page: Path) -> list[str]:
    """Everything wrong with a page on disk, one sentence each, sorted; empty when nothing is."""
    parser = _References()
    parser.feed(page.read_text(encoding="utf-8"))
    faults = [f"{src}: picture without alt text" for src in parser.without_alt]
    faults += [f"#{name}: id occurs twice" for name in {i for i in parser.ids if parser.ids.count(i) > 1}]
    used = set()
    for link in parser.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link.startswith("/"):
            faults.append(f"{link}: not a file beside the page")
        elif not parts.path:
            faults += [] if parts.fragment in parser.ids else [f"{link}: no such section"]
        else:
            file = page.parent / unquote(parts.path)
            used.add(file)
            fault = _fault_of_file(file)
            faults += [f"{link}: {fault}"] if fault else []
    assets = page.parent / "assets"
    faults += [f"assets/{f.name}: not used" for f in assets.glob("*") if f not in used]
    return sorted(faults)


def _fault_of_file(file: Path) -> str | None:
    if not file.is_file():
        return "file is missing"
    if file.suffix in {".png", ".gif"}:
        return _fault_of_picture(file)
    if file.suffix == ".wav":
        return _fault_of_sound(file)
    return None


def _fault_of_picture(file: Path) -> str | None:
    from PIL import Image, ImageSequence

    try:
        with Image.open(file) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all three for damaged files
        return f"picture does not decode ({error})"
    return None


def _fault_of_sound(file: Path) -> str | None:
    import soundfile

    try:
        samples, rate = soundfile.read(file, dtype="float32")
    except soundfile.LibsndfileError as error:
        return f"sound does not decode ({error})"
    if len(samples) <= MIN_PLAYER_S * rate:
        return f"sound is only {len(samples) / rate:.2f} s long"
    if rms_dbfs(samples) < SILENCE_DBFS:
        return "sound is silent"
    return None
