"""Downloads against a loopback server that stops, lies, sends web pages, or knows no ranges."""

import errno
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from affekt.core.errors import UserError
from affekt.corpora import download as module
from affekt.corpora.download import NotThere, RemoteFile, download

BODY = hashlib.sha256(b"seed").digest() * 20_000  # 640,000 bytes
MD5 = hashlib.md5(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY with one fault; keeps the Range headers that it was asked with."""

    fault = ""
    stop_after = len(BODY)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range")
        server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and server.fault != "no ranges" else 0
        if server.fault in ("404", "503", "400"):
            self.send_error(int(server.fault))
            return
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        page = server.fault == "page"
        body = b"<html>sign in</html>" if page else BODY[start:]
        self.send_header("Content-Type", "text/html" if page else "application/zip")
        if server.fault != "no length":
            extra = 1000 if server.fault == "lies" else 0
            self.send_header("Content-Length", str(len(body) + extra))
        if start:
            shift = 7 if server.fault == "other range" else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        self.wfile.write(body[: server.stop_after])


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def whole(server: Server) -> RemoteFile:
    return RemoteFile(server.url, len(BODY), MD5)


def test_a_download_is_whole_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    target = download(whole(server), tmp_path / "sub" / "file.zip")
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == ["file.zip"]
    download(whole(server), target)
    assert len(server.ranges) == 1, "a verified file must not be asked for again"


def test_a_server_that_stops_midway_is_continued_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.stop_after = 200_000
    target = download(whole(server), tmp_path / "file.zip", tries=2, pause_s=0)
    assert target.read_bytes() == BODY
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in server.ranges[1:] if asked]
    assert len(starts) >= 3
    assert starts == sorted(set(starts)), "each connection must begin beyond the one before"


def test_a_part_from_a_killed_process_is_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(BODY[:300_000])
    assert download(whole(server), tmp_path / "file.zip").read_bytes() == BODY
    assert server.ranges == ["bytes=300000-"]


@pytest.mark.parametrize("part", [b"x" * 300_000, b"x" * len(BODY), BODY + b"more"])
def test_a_part_of_another_file_is_replaced(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.zip.part").write_bytes(part)
    assert download(whole(server), tmp_path / "file.zip", pause_s=0).read_bytes() == BODY


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.fault = "no ranges"
    (tmp_path / "file.zip.part").write_bytes(BODY[:300_000])
    assert download(whole(server), tmp_path / "file.zip").read_bytes() == BODY


def test_an_answer_with_another_range_is_not_believed(server: Server, tmp_path: Path) -> None:
    server.fault = "other range"
    (tmp_path / "file.zip.part").write_bytes(BODY[:300_000])
    assert download(whole(server), tmp_path / "file.zip", pause_s=0).read_bytes() == BODY


def test_a_server_that_never_gets_further_ends_in_one_message_and_keeps_the_part(
    server: Server, tmp_path: Path
) -> None:
    server.fault, server.stop_after = "no ranges", 200_000
    with pytest.raises(UserError, match=r"the download stopped .* of 640000 bytes"):
        download(whole(server), tmp_path / "file.zip", tries=3, pause_s=0)
    assert not (tmp_path / "file.zip").exists()
    assert (tmp_path / "file.zip.part").stat().st_size > 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("lies", "offers 641000 bytes, the published file has 640000"),
        ("page", "web page, not the file"),
        ("400", "answers 400"),
        ("503", "the server answers 503"),
    ],
)
def test_faults_end_in_one_clear_message(server: Server, tmp_path: Path, fault: str, message: str) -> None:
    server.fault = fault
    with pytest.raises(UserError, match=message) as caught:
        download(whole(server), tmp_path / "file.zip", tries=2, pause_s=0)
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)
    assert not (tmp_path / "file.zip").exists()


def test_a_missing_file_is_told_apart(server: Server, tmp_path: Path) -> None:
    server.fault = "404"
    with pytest.raises(NotThere, match="404"):
        download(whole(server), tmp_path / "file.zip")


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wrong checksum"):
        download(RemoteFile(server.url, len(BODY), "0" * 32), tmp_path / "file.zip")
    with pytest.raises(UserError, match="wrong checksum"):
        download(RemoteFile(server.url, sha256="0" * 64), tmp_path / "file.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_longer_body_than_published_is_cut_off(server: Server, tmp_path: Path) -> None:
    server.fault = "no length"
    with pytest.raises(UserError, match="more than the 1000 bytes"):
        download(RemoteFile(server.url, 1000, MD5), tmp_path / "file.zip")
    assert not (tmp_path / "file.zip").exists()


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="refused"):
        download(RemoteFile("http://127.0.0.1:9/x.zip", 10), tmp_path / "x.zip", tries=2, pause_s=0)


def test_a_full_disk_is_named_and_the_part_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "file.zip.part").write_bytes(BODY[:1000])
    monkeypatch.setattr(module, "_append", full)
    with pytest.raises(UserError, match="the disk is full"):
        download(whole(server), tmp_path / "file.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["file.zip.part"]


def test_too_little_space_is_told_before_a_byte_is_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the disk is full"):
        download(RemoteFile(server.url, 10**18), tmp_path / "file.zip")
    assert server.ranges == []


@pytest.mark.parametrize("as_url", [False, True])
def test_a_folder_or_file_url_is_verified_all_the_same(tmp_path: Path, as_url: bool) -> None:
    source = tmp_path / "with space.zip"
    source.write_bytes(BODY)
    address = source.as_uri() if as_url else str(source)
    assert download(RemoteFile(address, len(BODY), MD5), tmp_path / "out" / "a").read_bytes() == BODY
    with pytest.raises(UserError, match="wrong checksum"):
        download(RemoteFile(address, len(BODY), "0" * 32), tmp_path / "out" / "b")
    source.write_bytes(BODY[:-1])
    with pytest.raises(UserError, match="is 639999 bytes"):
        download(RemoteFile(address, len(BODY), MD5), tmp_path / "out" / "c")
    source.unlink()
    with pytest.raises(NotThere):
        download(RemoteFile(address, len(BODY), MD5), tmp_path / "out" / "d")
