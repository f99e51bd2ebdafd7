"""MNIST's files: your own folder first, then the cache, then the mirrors in turn."""

import gzip
import hashlib
import http.server
import os
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest

from tinygen.data import DataError, download, load, mnist


def encode(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


RNG = np.random.default_rng(0)
FILES = {
    mnist.TRAIN_IMAGES: RNG.integers(0, 256, (6, 28, 28), dtype=np.uint8),
    mnist.TRAIN_LABELS: RNG.integers(0, 10, 6, dtype=np.uint8),
    mnist.TEST_IMAGES: RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8),
    mnist.TEST_LABELS: RNG.integers(0, 10, 3, dtype=np.uint8),
}
ZIPPED = {name: gzip.compress(encode(array), mtime=0) for name, array in FILES.items()}
SHA256 = {name: hashlib.sha256(contents).hexdigest() for name, contents in ZIPPED.items()}


def write_files(folder, zipped=True):
    folder.mkdir(parents=True)
    for name, contents in ZIPPED.items():
        if zipped:
            (folder / name).write_bytes(contents)
        else:
            (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(contents))


class Server(http.server.ThreadingHTTPServer):
    """Serves the files under /good/, their bytes altered under /altered/, cut under /cut/."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []

    def url(self, mirror):
        return f"http://127.0.0.1:{self.server_port}/{mirror}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requests.append(self.path)
        _, mirror, filename = self.path.split("/")
        if mirror not in ("good", "altered", "cut"):
            self.send_error(404)
            return
        contents = ZIPPED[filename]
        self.send_response(200)
        self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        if mirror == "altered":
            contents = contents[:-1] + b"?"
        self.wfile.write(contents[:10] if mirror == "cut" else contents)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch, server):
    """An empty cache, no TINYGEN_DATA; returns the folder of mnist in it."""
    server.requests.clear()
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "mnist"


def use_mirrors(monkeypatch, *urls, sha256=None):
    monkeypatch.setitem(mnist.SOURCES, "mnist", mnist.Source(urls, sha256 or SHA256))


def assert_is_mnist(arrays):
    for array, expected in zip(arrays, FILES.values(), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("zipped", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_own_folder_comes_first(tmp_path, monkeypatch, name, zipped):
    write_files(tmp_path / name, zipped)
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    monkeypatch.setattr(mnist, "fetch", None)
    assert_is_mnist(mnist.load_mnist(name))

    dataset = load(name)
    np.testing.assert_array_equal(dataset.train * 255, FILES[mnist.TRAIN_IMAGES])
    np.testing.assert_array_equal(dataset.test_labels, FILES[mnist.TEST_LABELS])
    assert dataset.train.dtype == np.float32
    assert dataset.shape == (28, 28)
    assert dataset.n_classes == 10


def test_own_folder_must_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match="which is no folder: correct or unset it"):
        load("mnist")


def test_own_files_are_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    write_files(tmp_path / "mnist")
    labels = tmp_path / "mnist" / mnist.TRAIN_LABELS
    labels.write_bytes(ZIPPED[mnist.TEST_LABELS])
    with pytest.raises(DataError, match="6 images but 3 labels"):
        load("mnist")
    labels.write_bytes(ZIPPED[mnist.TRAIN_LABELS])
    small = np.zeros((6, 8, 8), np.uint8)
    (tmp_path / "mnist" / mnist.TRAIN_IMAGES).write_bytes(encode(small))
    with pytest.raises(DataError, match=r"images of \(8, 8\) pixels, expected \(28, 28\)"):
        load("mnist")


def test_downloads_once(cache, monkeypatch, server):
    use_mirrors(monkeypatch, server.url("good"), server.url("absent"))
    assert_is_mnist(mnist.load_mnist())
    assert sorted(server.requests) == sorted(f"/good/{name}" for name in FILES)
    assert_is_mnist(mnist.load_mnist())
    assert len(server.requests) == len(FILES)
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("bad", ["absent", "altered", "cut"])
def test_a_bad_mirror_gives_way_to_the_next(cache, monkeypatch, server, bad):
    use_mirrors(monkeypatch, server.url(bad), server.url("good"))
    assert_is_mnist(mnist.load_mnist())
    assert len(server.requests) == 2 * len(FILES)


def test_a_dead_mirror_gives_way_to_the_next(cache, monkeypatch, server):
    use_mirrors(monkeypatch, "http://127.0.0.1:1/", server.url("good"))
    assert_is_mnist(mnist.load_mnist())


def test_no_mirror_works(cache, monkeypatch, server):
    use_mirrors(monkeypatch, server.url("absent"), server.url("altered"))
    with pytest.raises(DataError) as caught:
        mnist.load_mnist()
    message = str(caught.value)
    assert "HTTP status 404" in message
    assert "the SHA-256 differs from the published one" in message
    assert message.endswith("in a folder mnist/ and set TINYGEN_DATA to its parent.")
    assert "\n" not in message
    assert list(cache.iterdir()) == []


def test_the_error_names_the_folder_that_was_searched(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    use_mirrors(monkeypatch, "http://127.0.0.1:1/")
    with pytest.raises(DataError) as caught:
        mnist.load_mnist()
    assert f"put the four files in {tmp_path / 'mnist'}, where TINYGEN_DATA" in str(caught.value)


def test_a_damaged_cache_is_fetched_again(cache, monkeypatch, server):
    use_mirrors(monkeypatch, server.url("good"))
    mnist.load_mnist()
    (cache / mnist.TRAIN_LABELS).write_bytes(b"damaged")
    assert_is_mnist(mnist.load_mnist())


def test_an_interrupted_download_leaves_nothing(cache, monkeypatch, server):
    import pooch

    def interrupted(self, url, output_file, pooch):
        with open(output_file, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    use_mirrors(monkeypatch, server.url("good"))
    with pytest.raises(KeyboardInterrupt):
        mnist.load_mnist()
    assert list(cache.iterdir()) == []


def test_an_unusable_cache_is_named(cache, monkeypatch, server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    use_mirrors(monkeypatch, server.url("good"))
    with pytest.raises(DataError, match=r"(Not a directory|File exists) on .*cache"):
        mnist.load_mnist()


def test_the_progress_bar_appears_on_a_terminal(cache, monkeypatch, server, capsys):
    monkeypatch.setattr(download.sys.stderr, "isatty", lambda: True)
    use_mirrors(monkeypatch, server.url("good"))
    mnist.load_mnist()
    assert "100%" in capsys.readouterr().err


def test_without_pooch_the_error_says_what_to_install(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match="pip install pooch tqdm, or set TINYGEN_DATA"):
        mnist.load_mnist()


def test_published_hashes_are_well_formed():
    hashes = [digest for source in mnist.SOURCES.values() for digest in source.sha256.values()]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in hashes)
    assert len(set(hashes)) == len(hashes) == 8
    assert all(len(source.mirrors) == 2 for source in mnist.SOURCES.values())


def test_importing_data_loads_numpy_and_nothing_else():
    code = "import sys, tinygen.data; print({'pooch', 'tqdm', 'requests'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout.strip() == "set()"
