"""CIFAR-10, CIFAR-100, MNIST and Fashion-MNIST by way of tensorflow-datasets."""

import logging
import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from course.data.source import Source

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

STAND_IN = {"cifar10": "shapes100", "cifar100": "shapes100", "mnist": "digits", "fashion_mnist": "digits"}
PATIENCE = 10  # seconds until a server that does not answer counts as out of reach


def source(name: str, folder: str | Path | None = None, *, mirror: bool = True) -> Source:
    """A dataset of tensorflow-datasets, downloaded on first use.

    Args:
        name: as tensorflow-datasets calls it.
        folder: where datasets are kept, ~/tensorflow_datasets by default. Archives in its downloads/manual
            are used instead of downloading them.
        mirror: see `Source`.

    Raises:
        ImportError: without tensorflow-datasets and what it takes.
        ConnectionError: where the download fails; nothing of it is kept.
    """
    builder = _prepared(name, folder)

    def read(split: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        everything = builder.as_dataset(split=f"{split}[{start}:{stop}]", batch_size=-1)
        return everything["image"].numpy(), everything["label"].numpy().astype(np.int32)

    sizes = {split: builder.info.splits[split].num_examples for split in ("train", "test")}
    return Source(sizes, tuple(builder.info.features["label"].names), read, mirror)


def tensorflow_datasets(name: str) -> ModuleType:
    """The package, imported; `name` is the dataset that takes it.

    Raises:
        ImportError: where it is missing, or something else that it takes. An import that fails for want of
            the right protobuf only logs the error and leaves an empty package.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        import importlib_resources  # noqa: F401 - taken by tensorflow-datasets, which does not require it
        import tensorflow_datasets as tfds

        tfds.builder  # noqa: B018 - is it there?
    except (ImportError, AttributeError):
        raise ImportError(
            f"{name} takes tensorflow-datasets, which is not installed here or lacks what it needs: "
            "pip install 'cnn-course[data]'."
        ) from None
    finally:
        logging.disable(before)
    return tfds


def _prepared(name: str, folder: str | Path | None) -> "tfds.core.DatasetBuilder":
    tfds = tensorflow_datasets(name)
    builder = tfds.builder(name, data_dir=folder)
    if not (Path(builder.data_path) / "dataset_info.json").exists():
        home = Path(builder.data_path).parents[1]
        archives = home / "downloads" / "manual"
        if not all((archives / (info.filename or "")).is_file() for info in builder.url_infos.values()):
            _check_online(name, next(iter(builder.url_infos)))
        _prepare(builder, home, tfds.download.DownloadConfig(manual_dir=archives))
    return builder


def _check_online(name: str, url: str) -> None:
    """Raise a ConnectionError where the server is out of reach; tensorflow-datasets would try for minutes."""
    import requests

    try:
        requests.head(url, timeout=PATIENCE)
    except requests.RequestException:
        raise ConnectionError(
            f"{name} has to be downloaded and {url.split('/')[2]} cannot be reached; are you offline? "
            f"{STAND_IN[name]!r} is a stand-in that needs no download."
        ) from None


def _prepare(builder: "tfds.core.DatasetBuilder", home: Path, config: "tfds.download.DownloadConfig") -> None:
    """Download, unpack and convert in a temporary folder; only the finished dataset is moved to its place."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=home) as temporary:
        folder = Path(temporary, "downloads")
        folder.mkdir()
        try:
            builder.download_and_prepare(download_dir=folder, download_config=config)
        except Exception as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise ConnectionError(
                f"{builder.name} could not be downloaded, and nothing of it was kept ({why}). Try again, or "
                f"take {STAND_IN[builder.name]!r}, a stand-in that needs no download."
            ) from error
        finally:
            # When one file fails, others are still on their way. They must find no folder to be written to,
            # or the temporary one could not be deleted.
            folder.rename(folder.with_name("finished"))
