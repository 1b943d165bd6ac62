"""Run networks saved by another backend on this one: python other_backend.py FOLDER, under KERAS_BACKEND."""

import sys
from pathlib import Path

import keras
import numpy as np

import course

FOLDER = Path(sys.argv[1])

for file in sorted(FOLDER.glob("*.npz")):
    saved = np.load(file)
    model = course.build(file.stem, shape=saved["images"].shape[1:], classes=saved["logits"].shape[-1])
    model.load_weights(FOLDER / f"{file.stem}.weights.h5")
    logits = keras.ops.convert_to_numpy(model(saved["images"], training=False))
    np.save(FOLDER / f"{file.stem}.{keras.backend.backend()}.npy", logits)
