"""Datasets, their pipelines and augmentation, against NumPy and against archives written here."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import os
import struct
import sys
import tarfile
import threading
import time
import types

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from course import data
from course.data import augmentation, downloads, shapes100
from course.data.dataset import statistics

SEED = tf.constant([3, 7])


@pytest.fixture(scope="module")
def shapes():
    return data.load("shapes100", "train[:300]")


@pytest.fixture(scope="module")
def images():
    """A batch in which every pixel is another number, none of them 0."""
    return tf.reshape(tf.range(1.0, 1 + 40 * 8 * 10 * 3), (40, 8, 10, 3))


# Datasets


def test_digits_are_those_of_scikit_learn():
    theirs = load_digits()
    splits = [data.arrays(data.load("digits", split)) for split in ("train", "test")]
    assert [len(labels) for _, labels in splits] == [1437, 360]
    ours = sorted(
        (image[..., 0] / 255 * 16).round().astype(int).tobytes() + bytes([label])
        for images, labels in splits
        for image, label in zip(images, labels, strict=True)
    )
    expected = zip(theirs.images.astype(int), theirs.target, strict=True)
    assert ours == sorted(image.tobytes() + bytes([label]) for image, label in expected)


def test_info_of_digits():
    pipeline, info = data.load("digits", "train", size=16)
    images, _ = data.arrays(data.load("digits", "train"))
    assert (info.shape, info.classes, info.examples, info.mirror) == ((16, 16, 1), 10, 1437, False)
    assert info.mean == pytest.approx([images.mean() / 255], abs=1e-6)
    assert info.std == pytest.approx([images.std() / 255], abs=1e-5)
    image, label = next(iter(pipeline))
    assert (image.shape, image.dtype, label.dtype) == ((16, 16, 1), tf.uint8, tf.int32)
    assert pipeline.cardinality() == 1437


def test_statistics_by_numpy(shapes):
    images, _ = data.arrays(shapes)
    pixels = images.reshape(-1, 3) / 255
    mean, covariance = statistics(images)
    assert mean == pytest.approx(pixels.mean(0), abs=1e-6)
    assert np.allclose(covariance, np.cov(pixels.T, bias=True), atol=1e-6)


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ("[:25%]", slice(90)),
        ("[25%:]", slice(90, 360)),
        ("[10:20]", slice(10, 20)),
        ("[350:400]", slice(350, 360)),
    ],
)
def test_parts_of_a_split(part, numbers):
    images, labels = data.arrays(data.load("digits", "test"))
    dataset = data.load("digits", f"test{part}")
    some, some_labels = data.arrays(dataset)
    assert dataset.info.examples == len(some)
    assert np.array_equal(some, images[numbers])
    assert np.array_equal(some_labels, labels[numbers])


def test_shapes100_depend_on_their_number_alone():
    _, all_labels = shapes100.read("train", 0, 2000)
    images, labels = shapes100.read("train", 990, 1010)
    again, labels_again = shapes100.read("train", 1000, 1005)
    assert np.array_equal(images[10:15], again)
    assert np.array_equal(labels[10:15], labels_again)
    assert np.array_equal(labels, all_labels[990:1010])
    assert set(np.bincount(all_labels, minlength=100)) == {20}
    test, _ = shapes100.read("test", 990, 1010)
    assert not np.array_equal(images, test)


def test_shapes100_names_say_what_is_seen(shapes):
    images, labels = data.arrays(shapes)
    names = np.array(shapes.info.labels)[labels]
    red, blue = images[..., 0].mean((1, 2)), images[..., 2].mean((1, 2))
    warm = np.char.startswith(names, "warm")
    assert (red - blue)[warm].mean() > (red - blue)[~warm].mean() + 20
    assert shapes.info.labels[0] == "warm plain disc"
    assert len(set(shapes.info.labels)) == 100


def test_nearest_names_for_an_unknown_dataset():
    with pytest.raises(ValueError, match=r"no dataset called 'cifar-100'. Did you mean cifar100"):
        data.load("cifar-100")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("validation", "split must be"),
        ("train[:x]", "split must be"),
        ("test[360:]", "no images"),
        ("test[20:10]", "no images"),
    ],
)
def test_splits_that_are_none(split, message):
    with pytest.raises(ValueError, match=message):
        data.load("digits", split)


def test_resizing_image_by_image_is_the_same(monkeypatch):
    at_once, labels = data.arrays(data.load("digits", "test", size=(20, 12)))
    monkeypatch.setattr("course.data.dataset.IN_MEMORY", 0)
    pipeline, info = data.load("digits", "test", size=(20, 12))
    assert info.shape == at_once.shape[1:] == (20, 12, 1)
    assert pipeline.cardinality() == 360
    one_by_one, same_labels = data.arrays(data.Data(pipeline, info))
    assert np.array_equal(at_once, one_by_one)
    assert np.array_equal(labels, same_labels)


@pytest.mark.parametrize("size", [0, -3, (16, 0), 2.5])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match=r"of size must be an integer of at least 1"):
        data.load("digits", "test", size)


# Downloads: archives in the datasets' own binary formats


def write_cifar(path, folder, files, coarse):
    """An archive with these files of `count` random images each; returns images and labels by file."""
    random, content = np.random.default_rng(0), {}
    with tarfile.open(path, "w:gz") as archive:
        for name, count in files.items():
            labels = random.integers(0, 100 if coarse else 10, count, np.uint8)
            planes = random.integers(0, 256, (count, 3, 32, 32), np.uint8)  # red, green, blue
            columns = [labels // 5, labels] if coarse else [labels]
            rows = np.concatenate([np.stack(columns, 1), planes.reshape(count, -1)], axis=1)
            _add(archive, f"{folder}/{name}", rows.tobytes())
            content[name] = planes.transpose(0, 2, 3, 1), labels
        if coarse:
            _add(archive, f"{folder}/fine_label_names.txt", _lines("fine", 100))
            _add(archive, f"{folder}/coarse_label_names.txt", _lines("coarse", 20))
        else:
            _add(archive, f"{folder}/batches.meta.txt", _lines("class", 10))
    return content


def _lines(word, count):
    return "\n".join(f"{word}{i}" for i in range(count)).encode() + b"\n"


def _add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def mnist_files(count=12):
    """The four gzipped IDX files of MNIST, and the images and labels in them."""
    random, files, content = np.random.default_rng(1), {}, {}
    for split, name in (("train", "train"), ("test", "t10k")):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 10, count, np.uint8)
        header = struct.pack(">4i", 2051, count, 28, 28)
        files[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(header + images.tobytes())
        files[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(
            struct.pack(">2i", 2049, count) + labels.tobytes()
        )
        content[split] = images[..., None], labels
    return files, content


@pytest.fixture
def tfds():
    try:
        return downloads.tensorflow_datasets("this test")
    except ImportError as error:
        pytest.skip(str(error))


def accept(monkeypatch, tfds, name, archives):
    """Have tensorflow-datasets expect these archives, {url: content}, in place of the published ones."""
    expected = {
        url: tfds.download.checksums.UrlInfo(
            size=tfds.core.utils.Size(len(content)),
            checksum=hashlib.sha256(content).hexdigest(),
            filename=url.rpartition("/")[2],
        )
        for url, content in archives.items()
    }
    monkeypatch.setattr(tfds.builder_cls(name), "url_infos", expected)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_from_its_archive(tfds, monkeypatch, tmp_path, name):
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    if name == "cifar100":
        path, train = manual / "cifar-100-binary.tar.gz", ["train.bin"]
        content = write_cifar(path, "cifar-100-binary", {"train.bin": 30, "test.bin": 10}, coarse=True)
    else:
        path, train = manual / "cifar-10-binary.tar.gz", [f"data_batch_{i}.bin" for i in range(1, 6)]
        files = dict.fromkeys(train, 6) | {"test_batch.bin": 10}
        content = write_cifar(path, "cifar-10-batches-bin", files, coarse=False)
    accept(monkeypatch, tfds, name, {f"https://www.cs.toronto.edu/~kriz/{path.name}": path.read_bytes()})

    dataset = data.load(name, "train", folder=tmp_path)
    images, labels = data.arrays(dataset)
    expected = [np.concatenate(parts) for parts in zip(*(content[file] for file in train), strict=True)]
    order = [np.flatnonzero((expected[0] == image).all((1, 2, 3)))[0] for image in images]
    assert sorted(order) == list(range(30))
    assert np.array_equal(labels, expected[1][order])
    assert dataset.info.shape == (32, 32, 3)
    assert dataset.info.labels[7] == ("fine7" if name == "cifar100" else "class7")
    assert dataset.info.mean == pytest.approx(expected[0].mean((0, 1, 2)) / 255, abs=1e-6)

    path.unlink()  # the dataset is kept, the archive is not needed again
    part, _ = data.arrays(data.load(name, "test[2:5]", folder=tmp_path))
    assert len(part) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == [name, "downloads"]


class Server(http.server.ThreadingHTTPServer):
    """Serves files; of those in `broken` only half comes, the one named `late` waits for `released`."""

    files: dict[str, bytes]
    broken: set[str]
    late: str | None = None
    released: threading.Event


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = self.path.strip("/")
        content = self.server.files[name]
        if name == self.server.late:
            self.server.released.wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if name in self.server.broken else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_download_that_breaks_off_and_the_next_that_does_not(tfds, monkeypatch, tmp_path, server, name):
    from tensorflow_datasets.image_classification import mnist

    url = f"http://127.0.0.1:{server.server_port}/"
    server.files, content = mnist_files()
    server.broken = {"train-images-idx3-ubyte.gz"}
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", 12)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", 12)
    monkeypatch.setattr(tfds.builder_cls(name), "URL", url)
    accept(monkeypatch, tfds, name, {url + file: bytes for file, bytes in server.files.items()})

    with pytest.raises(
        ConnectionError, match=rf"{name} could not be downloaded, and nothing of it was kept.*'digits'"
    ):
        data.load(name, "test", folder=tmp_path)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []

    server.broken = set()
    images, labels = data.arrays(data.load(name, "test", folder=tmp_path))
    expected, expected_labels = content["test"]
    order = [np.flatnonzero((expected == image).all((1, 2, 3)))[0] for image in images]
    assert sorted(order) == list(range(12))
    assert np.array_equal(labels, expected_labels[order])
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_file_that_comes_while_a_broken_download_is_deleted(tfds, monkeypatch, tmp_path, server):
    from tensorflow_datasets.image_classification import mnist

    url = f"http://127.0.0.1:{server.server_port}/"
    server.files, _ = mnist_files()
    server.broken = {"train-images-idx3-ubyte.gz"}
    server.late, server.released = "train-labels-idx1-ubyte.gz", threading.Event()
    monkeypatch.setattr(mnist.MNIST, "URL", url)
    accept(monkeypatch, tfds, "mnist", {url + file: bytes for file, bytes in server.files.items()})
    rmdir = os.rmdir

    def slow_rmdir(path, *, dir_fd=None):
        if dir_fd is not None:  # of those who delete folders here, only shutil.rmtree passes it
            server.released.set()
            time.sleep(0.2)
        rmdir(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", slow_rmdir)
    with pytest.raises(ConnectionError, match="nothing of it was kept"):
        data.load("mnist", "test", folder=tmp_path)
    assert server.released.is_set()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_wrong_archive_is_not_kept(tfds, monkeypatch, tmp_path, server):
    from tensorflow_datasets.image_classification import mnist

    url = f"http://127.0.0.1:{server.server_port}/"
    server.files, _ = mnist_files()
    server.broken = set()
    monkeypatch.setattr(mnist.MNIST, "URL", url)
    accept(monkeypatch, tfds, "mnist", {url + file: b"other" for file in server.files})
    with pytest.raises(ConnectionError, match="checksum"):
        data.load("mnist", "test", folder=tmp_path)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_offline_names_the_stand_in(tfds, monkeypatch, tmp_path):
    accept(monkeypatch, tfds, "cifar100", {"http://127.0.0.1:9/cifar-100-binary.tar.gz": b""})
    with pytest.raises(ConnectionError, match=r"offline\? 'shapes100' is a stand-in that needs no download"):
        data.load("cifar100", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", [None, types.ModuleType("tensorflow_datasets")])
def test_missing_package_is_named(monkeypatch, broken):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", broken)
    with pytest.raises(
        ImportError, match=r"cifar10 takes tensorflow-datasets.*pip install 'cnn-course\[data\]'"
    ):
        data.load("cifar10")


def test_every_download_has_a_stand_in():
    downloaded = set(data.names()) - {"digits", "shapes100"}
    assert set(downloads.STAND_IN) == downloaded


# Data of one's own


def test_own_arrays():
    images = np.arange(5 * 4 * 4 * 3).reshape(5, 4, 4, 3) % 256
    train = data.from_arrays(images, [0, 1, 2, 1, 0], ["a", "b", "c"], size=8)
    assert (train.info.shape, train.info.classes, train.info.labels) == ((8, 8, 3), 3, ("a", "b", "c"))
    test = data.from_arrays(images[:2].astype("uint8"), [2, 2], like=train.info)
    assert (test.info.mean, test.info.classes) == (train.info.mean, 3)
    assert np.array_equal(data.arrays(test)[0], images[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 1, 10]}, r"Labels must be from 0 to 9.* 1 of 3 are not, such as 10"),
        ({"labels": [0, -1, 2]}, r"such as -1"),
        ({"labels": [0.0, 1.0, 2.0]}, r"integers from 0 to 9, not float64"),
        ({"labels": [0, 1]}, r"one label for each of the 3 images"),
        ({"images": np.zeros((3, 8, 8), "uint8")}, r"\(N, height, width, channels\)"),
        ({"images": np.full((3, 8, 8, 1), 0.5)}, r"from 0 to 255"),
        ({"images": np.full((3, 8, 8, 1), 256)}, r"from 0 to 255"),
        ({"images": np.full((3, 8, 8, 1), np.nan)}, r"from 0 to 255"),
    ],
)
def test_arrays_that_are_refused(changes, message):
    given = {"images": np.zeros((3, 8, 8, 1), "uint8"), "labels": [0, 1, 2], "classes": 10} | changes
    with pytest.raises(ValueError, match=message):
        data.from_arrays(**given)


def test_a_pair_taken_apart_will_do_and_anything_else_is_refused():
    pipeline, info = data.load("digits", "test[:3]")
    images, _ = data.arrays((pipeline, info))
    assert len(images) == 3
    with pytest.raises(
        ValueError, match=r"as course.data.load returns it, not ndarray: course.data.from_arrays"
    ):
        data.batches(images, 2)


# Batches


def test_batches_are_standardised_and_in_order(shapes):
    images, labels = data.arrays(shapes)
    expected = (images / 255 - np.array(shapes.info.mean)) / np.array(shapes.info.std)
    batches = list(data.batches(shapes, 128).as_numpy_iterator())
    assert [len(labels) for _, labels in batches] == [128, 128, 44]
    assert np.allclose(np.concatenate([each for each, _ in batches]), expected, atol=1e-4)
    assert np.array_equal(np.concatenate([each for _, each in batches]), labels)


def numbered(count=50):
    """Images that carry their number, so that their order can be read off."""
    images = np.broadcast_to(np.arange(count)[:, None, None, None], (count, 2, 2, 1)).astype("uint8")
    return data.from_arrays(images, np.arange(count) % 10)


def order(epochs, seed=0, augment=None):
    dataset = numbered()
    info = dataset.info
    batches = data.shuffled(dataset, 16, epochs, augment=augment, seed=seed)
    pixels = np.concatenate([images[:, 0, 0, 0] for images, _ in batches.as_numpy_iterator()])
    return (pixels * info.std[0] + info.mean[0]) * 255


def test_order_depends_on_seed_and_epoch_alone():
    three = order([0, 1, 2]).round().reshape(3, 50)
    assert all(sorted(epoch) == list(range(50)) for epoch in three)
    assert len({tuple(epoch) for epoch in three}) == 3
    tf.random.set_seed(99)
    assert np.array_equal(order([1]).round(), three[1])
    assert not np.array_equal(order([1], seed=1).round(), three[1])


def test_augmentation_depends_on_seed_and_epoch_alone():
    def noise(images, seed):
        return images + tf.random.stateless_uniform(tf.shape(images), seed) * 0.01

    three = order([0, 1, 2], augment=noise).reshape(3, 50)
    assert np.array_equal(order([2], augment=noise), three[2])
    assert not np.allclose(np.sort(three[0]), np.sort(three[1]), atol=1e-4)


# Augmentation


def test_flip_mirrors_half_of_the_images(images):
    flipped = augmentation.flip()(images, SEED).numpy()
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, images.numpy(), strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(flipped, images.numpy(), strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 8 <= sum(mirrored) <= 32


def test_crop_is_a_window(images):
    cropped = augmentation.crop(5, 6)(images, SEED).numpy()
    corners = set()
    for window, image in zip(cropped, images.numpy(), strict=True):
        y, x = np.argwhere((image == window[0, 0]).all(-1))[0]
        assert np.array_equal(window, image[y : y + 5, x : x + 6])
        corners.add((y, x))
    assert {y for y, _ in corners} == {0, 1, 2, 3}
    assert {x for _, x in corners} == {0, 1, 2, 3, 4}


def test_shift_moves_and_fills_with_zero(images):
    shifted = augmentation.shift(2)(images, SEED).numpy()
    moves = set()
    for moved, image in zip(shifted, images.numpy(), strict=True):
        candidates = {}
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                expected = np.zeros_like(image)
                target = slice(max(dy, 0), 8 + min(dy, 0)), slice(max(dx, 0), 10 + min(dx, 0))
                source = slice(max(-dy, 0), 8 - max(dy, 0)), slice(max(-dx, 0), 10 - max(dx, 0))
                expected[target] = image[source]
                candidates[dy, dx] = expected
        moves |= {move for move, expected in candidates.items() if np.array_equal(expected, moved)}
    assert {dy for dy, _ in moves} == {-2, -1, 0, 1, 2}
    assert {dx for _, dx in moves} == {-2, -1, 0, 1, 2}
    assert len(moves) > 10


def test_colour_steps_follow_the_components(shapes):
    images = tf.zeros((20_000, 1, 1, 3))
    added = augmentation.colour(shapes.info, 0.1)(images, SEED).numpy()[:, 0, 0]
    assert np.array_equal(
        augmentation.colour(shapes.info)(tf.zeros((2, 3, 4, 3)), SEED)[0, 1, 2],
        augmentation.colour(shapes.info)(tf.zeros((2, 3, 4, 3)), SEED)[0, 0, 0],
    )
    in_pixels = added * np.array(shapes.info.std)  # from 0 to 1
    assert np.allclose(np.cov(in_pixels.T), 0.01 * np.array(shapes.info.covariance), rtol=0.1, atol=5e-6)


@pytest.mark.parametrize("name", augmentation.BY_NAME)
def test_same_seed_same_images(shapes, name):
    images, _ = next(iter(data.batches(shapes, 32)))
    augment = augmentation.BY_NAME[name](shapes.info)
    once, again, other = augment(images, [0, 1]), augment(images, [0, 1]), augment(images, [0, 2])
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert once.shape == images.shape


def test_composed_augmentations_have_seeds_of_their_own(images):
    shift = augmentation.shift(2)
    twice = augmentation.compose(shift, shift)(images, SEED)
    assert np.array_equal(twice, shift(shift(images, tf.random.fold_in(SEED, 0)), tf.random.fold_in(SEED, 1)))
    assert not np.array_equal(twice, shift(shift(images, SEED), SEED))


def test_digits_are_not_mirrored(images):
    info = data.load("digits", "test[:1]").info
    assert np.array_equal(augmentation.named(("flip",), info)(images, SEED), images)
    mirror = dataclasses.replace(info, mirror=True)
    assert not np.array_equal(augmentation.named(("flip",), mirror)(images, SEED), images)
    with pytest.raises(ValueError, match=r"no augmentation called 'flips'. Did you mean flip"):
        augmentation.named(("flips",), info)


def test_crop_larger_than_the_image(images):
    with pytest.raises(ValueError, match=r"A window of 9x9 does not fit into images of 8x10"):
        augmentation.crop(9, 9)(images, SEED)
