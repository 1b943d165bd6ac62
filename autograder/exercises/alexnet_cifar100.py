"""07 AlexNet on CIFAR-100: the network for 32x32 images, its recipe piece by piece, and a rehearsal."""

import dataclasses
import math
import statistics

import keras
import numpy as np
from keras import layers as L

import course
from autograder.exercise import Answer, Assignment, Case, Exercise, Misconception

# 1. AlexNet for 32x32


def small_alexnet(widths, units, classes):
    x = image = keras.Input((32, 32, 3), name="image")
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu", name=f"conv{i}")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(3, 2, name=f"pool{i}")(x)
    x = L.Flatten(name="flatten")(x)
    x = L.Dense(units, activation="relu", name="fc6")(x)
    x = L.Dense(units, activation="relu", name="fc7")(x)
    return keras.Model(image, L.Dense(classes, name="fc8")(x), name="small_alexnet")


def small_alexnet_in_sequence(widths, units, classes):
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for kernel, filters, pool in zip((5, 5, 3, 3, 3), widths, (True, True, False, False, True), strict=True):
        model.add(L.Conv2D(filters, kernel, padding="same"))
        model.add(L.Activation("relu"))
        if pool:
            model.add(L.MaxPool2D(pool_size=(3, 3), strides=(2, 2), padding="valid"))
    model.add(L.Flatten())
    for _ in range(2):
        model.add(L.Dense(units))
        model.add(L.ReLU())
    model.add(L.Dense(classes, activation="linear"))
    return model


def small_alexnet_line_by_line(widths, units, classes):
    inputs = keras.Input(shape=[32, 32, 3])
    x = L.ZeroPadding2D(2)(inputs)
    x = L.ReLU()(L.MaxPooling2D(3, strides=2)(L.Conv2D(widths[0], 5)(x)))  # both ways round are the same
    x = L.Conv2D(widths[1], 5, padding="same", activation=keras.activations.relu)(x)
    x = L.MaxPooling2D(3, strides=2)(x)
    x = L.Conv2D(widths[2], 3, padding="same", activation="relu")(x)
    x = L.Conv2D(widths[3], 3, padding="same", activation="relu")(x)
    x = L.Conv2D(widths[4], 3, padding="same", activation="relu")(x)
    x = L.MaxPooling2D(3, strides=2)(x)
    x = L.Reshape((-1,))(x)
    x = L.Dense(units, "relu")(x)
    x = L.Dense(units, "relu")(x)
    return keras.Model(inputs=inputs, outputs=L.Dense(classes)(x))


def small_alexnet_with_the_stem_of_227(widths, units, classes):
    x = image = keras.Input((32, 32, 3))
    x = L.Conv2D(widths[0], 11, strides=4, padding="same", activation="relu")(x)
    x = L.MaxPooling2D(3, 2, padding="same")(x)
    x = L.Conv2D(widths[1], 5, padding="same", activation="relu")(x)
    x = L.MaxPooling2D(3, 2, padding="same")(x)
    for filters in widths[2:]:
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = L.Flatten()(L.MaxPooling2D(3, 2, padding="same")(x))
    x = L.Dense(units, activation="relu")(x)
    x = L.Dense(units, activation="relu")(x)
    return keras.Model(image, L.Dense(classes)(x))


def small_alexnet_with_the_stem_of_227_and_two_pools(widths, units, classes):
    x = image = keras.Input((32, 32, 3))
    x = L.Conv2D(widths[0], 11, strides=4, padding="same", activation="relu")(x)
    x = L.MaxPooling2D(3, 2)(x)
    x = L.Conv2D(widths[1], 5, padding="same", activation="relu")(x)
    x = L.MaxPooling2D(3, 2)(x)
    for filters in widths[2:]:
        x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = L.Flatten()(x)
    x = L.Dense(units, activation="relu")(x)
    x = L.Dense(units, activation="relu")(x)
    return keras.Model(image, L.Dense(classes)(x))


def small_alexnet_with_strides_by_default(widths, units, classes):
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(3)(x)
    x = L.Flatten()(x)
    x = L.Dense(units, activation="relu")(x)
    x = L.Dense(units, activation="relu")(x)
    return keras.Model(image, L.Dense(classes)(x))


def small_alexnet_with_windows_of_2(widths, units, classes):
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(2)(x)
    x = L.Flatten()(x)
    x = L.Dense(units, activation="relu")(x)
    x = L.Dense(units, activation="relu")(x)
    return keras.Model(image, L.Dense(classes)(x))


def small_alexnet_with_softmax(widths, units, classes):
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(3, 2)(x)
    x = L.Flatten()(x)
    x = L.Dense(units, activation="relu")(x)
    x = L.Dense(units, activation="relu")(x)
    return keras.Model(image, L.Dense(classes, activation="softmax")(x))


NARROW = [16, 32, 48, 48, 32]
IMAGE = (32, 32, 3)


def network_case(widths, units, classes, seed=0):
    arguments = {"widths": widths, "units": units, "classes": classes}
    return Case("small_alexnet", (arguments,), "model", (IMAGE, seed))


def whole(rng, *ranges):
    """Whole numbers, one from each range."""
    return tuple(int(rng.integers(low, high)) for low, high in ranges)


def hidden_networks(rng):
    cases = []
    for _ in range(3):
        *widths, units, classes, seed = whole(rng, *[(6, 30)] * 5, (20, 90), (5, 60), (0, 2**31))
        cases.append(network_case(widths, units, classes, seed))
    return cases


# 2. the recipe


def alexnet_recipe(images, epochs):
    batch = 128
    steps = math.ceil(images / batch) * epochs
    return {"batch": batch, "rate": 0.01, "momentum": 0.9, "decay": 0.0005, "dropout": 0.5, "steps": steps}


def alexnet_recipe_with_integers(images, epochs):
    recipe = dict(rate=1e-2, momentum=0.9, decay=5e-4, batch=128, dropout=0.5)
    recipe["steps"] = epochs * ((images + 127) // 128)
    return recipe


def alexnet_recipe_by_counting(images, epochs):
    size, steps = 128.0, 0
    for _ in range(epochs):
        steps += len(range(0, images, 128))
    return {
        "steps": np.int64(steps), "dropout": 1 / 2, "decay": 5 / 10_000, "momentum": 9 / 10, "rate": 1 / 100,
        "batch": size,
    }  # fmt: skip


def alexnet_recipe_of_whole_batches(images, epochs):
    steps = images // 128 * epochs
    return {"batch": 128, "rate": 0.01, "momentum": 0.9, "decay": 0.0005, "dropout": 0.5, "steps": steps}


def alexnet_recipe_across_epochs(images, epochs):
    steps = math.ceil(images * epochs / 128)
    return {"batch": 128, "rate": 0.01, "momentum": 0.9, "decay": 0.0005, "dropout": 0.5, "steps": steps}


def sgd_step(name, w, v, gradient, rate, momentum, decay):
    penalty = decay * w if name.endswith("kernel") else 0.0
    v = momentum * v - rate * (gradient + penalty)
    return w + v, v


def sgd_step_term_by_term(name, w, v, gradient, rate, momentum, decay):
    new_v = momentum * v - rate * gradient
    if name.split("/")[-1] == "kernel":
        new_v = new_v - decay * rate * w
    return [w + new_v, new_v]


def sgd_step_as_an_array(name, w, v, gradient, rate, momentum, decay):
    if "kernel" in name:
        gradient = gradient + decay * w
    step = momentum * v - rate * gradient
    return np.stack([w + step, step])


def sgd_step_that_decays_everything(name, w, v, gradient, rate, momentum, decay):
    v = momentum * v - rate * (gradient + decay * w)
    return w + v, v


def sgd_step_that_decays_all_but_biases(name, w, v, gradient, rate, momentum, decay):
    penalty = 0.0 if name.endswith("bias") else decay * w
    v = momentum * v - rate * (gradient + penalty)
    return w + v, v


def sgd_step_of_keras(name, w, v, gradient, rate, momentum, decay):
    if name.endswith("kernel"):
        w = w - rate * decay * w
    v = momentum * v - rate * gradient
    return w + v, v


def sgd_step_of_pytorch(name, w, v, gradient, rate, momentum, decay):
    penalty = decay * w if name.endswith("kernel") else 0.0
    v = momentum * v + gradient + penalty
    return w - rate * v, v


def sgd_step_by_the_old_velocity(name, w, v, gradient, rate, momentum, decay):
    penalty = decay * w if name.endswith("kernel") else 0.0
    return w + v, momentum * v - rate * (gradient + penalty)


def step_case(rng, name, shape, rate, momentum, decay):
    w, v, gradient = rng.normal(0, (2.0, 0.5, 1.0), (*shape, 3)).round(3).transpose(-1, *range(len(shape)))
    return Case("sgd_step", (name, w, v, gradient, rate, momentum, decay))


def hidden_recipes(rng):
    cases = [Case("alexnet_recipe", whole(rng, (1000, 90_000), (2, 120))) for _ in range(3)]
    shapes = {"conv3/kernel": (2, 2, 2, 3), "conv5/bias": (7,), "fc6/kernel": (4, 3), "norm5/gamma": (4,)}
    for name, shape in shapes.items():
        rate, momentum, decay = (
            round(float(rng.uniform(*each)), 3) for each in ((0.05, 0.5), (0.3, 0.95), (0.1, 0.5))
        )
        cases.append(step_case(rng, name, shape, rate, momentum, decay))
    return cases


# 3. the schedule


def next_rate(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited == patience and times > 0:
            rate, waited, times = rate * factor, 0, times - 1
    return rate


def next_rate_by_index(accuracies, rate, factor, patience, times):
    drops, since = 0, 0
    for i in range(len(accuracies)):
        better = i == 0 or accuracies[i] > max(accuracies[:i])
        since = 0 if better else since + 1
        if since >= patience:
            drops, since = drops + 1, 0
    return rate * factor ** min(drops, times)


def next_rate_by_recursion(accuracies, rate, factor, patience, times):
    def after(rest, best, waited, rate, times):
        if not rest:
            return rate
        accuracy, *rest = rest
        waited = 0 if accuracy > best else waited + 1
        if waited == patience:
            waited = 0
            if times:
                rate, times = rate * factor, times - 1
        return after(rest, max(best, accuracy), waited, rate, times)

    return after(list(accuracies), float("-inf"), 0, rate, times)


def next_rate_from_the_epoch_before(accuracies, rate, factor, patience, times):
    before, waited = -math.inf, 0
    for accuracy in accuracies:
        waited = 0 if accuracy > before else waited + 1
        before = accuracy
        if waited == patience and times > 0:
            rate, waited, times = rate * factor, 0, times - 1
    return rate


def next_rate_that_keeps_dropping(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited >= patience and times > 0:
            rate, times = rate * factor, times - 1
    return rate


def next_rate_that_drops_once(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited == patience and times > 0:
            rate, times = rate * factor, times - 1
    return rate


def next_rate_where_equal_is_better(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy >= best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited == patience and times > 0:
            rate, waited, times = rate * factor, 0, times - 1
    return rate


def next_rate_without_end(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited == patience:
            rate, waited = rate * factor, 0
    return rate


def next_rate_from_zero_each_time(accuracies, rate, factor, patience, times):
    best, waited = -math.inf, 0
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited == patience and times > 0:
            rate, best, waited, times = rate * factor, -math.inf, 0, times - 1
    return rate


UP_AND_DOWN = [0.2, 0.3, 0.25, 0.28, 0.29, 0.35, 0.33, 0.35, 0.34, 0.36, 0.3]
STUCK = [0.01, 0.05, 0.04, 0.05, 0.03, 0.04, 0.02, 0.05, 0.05, 0.04, 0.03, 0.02, 0.04, 0.01]
FLAT = [0.1, 0.4] + [0.4] * 8


def hidden_schedules(rng):
    cases = []
    for patience, times in ((1, 3), (2, 3), (2, 2), (3, 3), (3, 1), (4, 2)):
        slow = np.linspace(0.1, 0.4, 24) + rng.normal(0, 0.06, 24)
        accuracies = [float(each) for each in slow.clip(0.01, 0.99).round(2)]
        cases.append(
            Case("next_rate", (accuracies, round(float(rng.uniform(0.01, 0.5)), 3), 0.1, patience, times))
        )
    return cases


# 4. augmentation


def shifted(image, down, right):
    height, width, _ = image.shape
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                result[y, x] = image[y - down, x - right]
    return result


def shifted_by_padding(image, down, right):
    height, width, _ = image.shape
    margin = max(height, width)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    top, left = max(margin - down, 0), max(margin - right, 0)
    return padded[top : top + height, left : left + width]


def shifted_by_rolling(image, down, right):
    result = np.roll(image, (down, right), axis=(0, 1))
    rows, columns = np.arange(image.shape[0]) - down, np.arange(image.shape[1]) - right
    inside = (rows >= 0) & (rows < image.shape[0])
    within = (columns >= 0) & (columns < image.shape[1])
    return result * inside[:, None, None] * within[None, :, None]


def shifted_around(image, down, right):
    return np.roll(image, (down, right), axis=(0, 1))


def shifted_with_its_edge(image, down, right):
    height, width, _ = image.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[rows][:, columns]


def shifted_the_other_way(image, down, right):
    height, width, _ = image.shape
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y + down < height and 0 <= x + right < width:
                result[y, x] = image[y + down, x + right]
    return result


def augment(images, moves, flips, mirror, training):
    if not training:
        return images
    result = np.zeros_like(images)
    _, height, width, _ = images.shape
    for n, (image, (down, right), flip) in enumerate(zip(images, moves, flips, strict=True)):
        if flip and mirror:
            image = image[:, ::-1]
        padded = np.pad(image, ((height, height), (width, width), (0, 0)))
        top, left = height - down, width - right
        result[n] = padded[top : top + height, left : left + width]
    return result


def augment_by_index(images, moves, flips, mirror, training):
    count, height, width, _ = images.shape
    result = np.array(images)
    for n in range(count if training else 0):
        (down, right), flip = moves[n], flips[n] and mirror
        for y in range(height):
            for x in range(width):
                y0, x0 = y - down, x - right
                inside = 0 <= y0 < height and 0 <= x0 < width
                source = images[n, y0, width - 1 - x0 if flip else x0] if inside else 0
                result[n, y, x] = source
    return result


def augment_by_rolling(images, moves, flips, mirror, training):
    def one(image, move, flip):
        if mirror and flip:
            image = np.fliplr(image)
        down, right = move
        rows, columns = np.arange(image.shape[0]) - down, np.arange(image.shape[1]) - right
        inside = (rows >= 0) & (rows < image.shape[0])
        within = (columns >= 0) & (columns < image.shape[1])
        return np.roll(image, (down, right), (0, 1)) * inside[:, None, None] * within[:, None]

    return [one(*each) for each in zip(images, moves, flips, strict=True)] if training else list(images)


def augment_in_validation_too(images, moves, flips, mirror, training):
    _, height, width, _ = images.shape
    result = np.zeros_like(images)
    for n, (image, (down, right), flip) in enumerate(zip(images, moves, flips, strict=True)):
        if flip and mirror:
            image = image[:, ::-1]
        padded = np.pad(image, ((height, height), (width, width), (0, 0)))
        result[n] = padded[height - down : 2 * height - down, width - right : 2 * width - right]
    return result


def augment_in_validation_alone(images, moves, flips, mirror, training):
    if training:
        return images
    _, height, width, _ = images.shape
    result = np.zeros_like(images)
    for n, (image, (down, right), flip) in enumerate(zip(images, moves, flips, strict=True)):
        if flip and mirror:
            image = image[:, ::-1]
        padded = np.pad(image, ((height, height), (width, width), (0, 0)))
        result[n] = padded[height - down : 2 * height - down, width - right : 2 * width - right]
    return result


def augment_by_mirroring_anything(images, moves, flips, mirror, training):
    if not training:
        return images
    _, height, width, _ = images.shape
    result = np.zeros_like(images)
    for n, (image, (down, right), flip) in enumerate(zip(images, moves, flips, strict=True)):
        if flip:
            image = image[:, ::-1]
        padded = np.pad(image, ((height, height), (width, width), (0, 0)))
        result[n] = padded[height - down : 2 * height - down, width - right : 2 * width - right]
    return result


def augment_upside_down(images, moves, flips, mirror, training):
    if not training:
        return images
    _, height, width, _ = images.shape
    result = np.zeros_like(images)
    for n, (image, (down, right), flip) in enumerate(zip(images, moves, flips, strict=True)):
        if flip and mirror:
            image = image[::-1]
        padded = np.pad(image, ((height, height), (width, width), (0, 0)))
        result[n] = padded[height - down : 2 * height - down, width - right : 2 * width - right]
    return result


def augment_all_alike(images, moves, flips, mirror, training):
    if not training:
        return images
    _, height, width, _ = images.shape
    if flips[0] and mirror:
        images = images[:, :, ::-1]
    down, right = moves[0]
    padded = np.pad(images, ((0, 0), (height, height), (width, width), (0, 0)))
    return padded[:, height - down : 2 * height - down, width - right : 2 * width - right]


def pictures(rng, *shape):
    return rng.integers(1, 100, shape)


def augment_case(rng, count, height, width, mirror, training):
    images = pictures(rng, count, height, width, 2)
    moves = rng.permutation([[-2, 1], [1, -1], [0, 2], [3, 0], [-1, -2]])[:count].tolist()
    return Case("augment", (images, moves, [True, False, True, True][:count], mirror, training))


def hidden_augmentations(rng):
    cases = []
    for height, width in ((4, 6), (5, 5), (3, 7)):
        down, right = rng.choice([-2, -1, 1, 2], 2).tolist()
        cases.append(Case("shifted", (pictures(rng, height, width, 3), down, right)))
    for height, width, mirror, training in ((5, 4, True, True), (4, 5, False, True), (6, 4, True, False)):
        cases.append(augment_case(rng, 4, height, width, mirror, training))
    return cases


# 5. dropout


def dropout(x, drawn, rate, training):
    if not training:
        return x
    return np.where(drawn < rate, 0.0, x / (1 - rate))


def dropout_with_a_mask(x, drawn, rate, training):
    if training:
        kept = (drawn >= rate).astype(float)
        x = x * kept / (1.0 - rate)
    return x


def dropout_value_by_value(x, drawn, rate, training):
    values = zip(x.ravel(), drawn.ravel(), strict=True)
    result = [value if not training else 0.0 if d < rate else value / (1 - rate) for value, d in values]
    return np.array(result).reshape(x.shape)


def dropout_unscaled(x, drawn, rate, training):
    return np.where(drawn < rate, 0.0, x) if training else x


def dropout_scaled_by_the_rate(x, drawn, rate, training):
    return np.where(drawn < rate, 0.0, x / rate) if training else x


def dropout_scaled_at_inference(x, drawn, rate, training):
    return np.where(drawn < rate, 0.0, x) if training else x * (1 - rate)


def dropout_at_inference_too(x, drawn, rate, training):
    return np.where(drawn < rate, 0.0, x / (1 - rate))


def dropout_of_what_should_stay(x, drawn, rate, training):
    return np.where(drawn < rate, x / rate, 0.0) if training else x


def classifier(features, units, classes, rate):
    x = inputs = keras.Input((features,), name="features")
    x = L.Dropout(rate, name="drop6")(L.Dense(units, activation="relu", name="fc6")(x))
    x = L.Dropout(rate, name="drop7")(L.Dense(units, activation="relu", name="fc7")(x))
    return keras.Model(inputs, L.Dense(classes, name="fc8")(x), name="classifier")


def classifier_in_sequence(features, units, classes, rate):
    hidden = [layer for _ in range(2) for layer in (L.Dense(units), L.ReLU(), L.Dropout(rate))]
    return keras.Sequential([keras.Input((features,)), *hidden, L.Dense(classes)])


def classifier_that_drops_before_the_relu(features, units, classes, rate):
    x = inputs = keras.Input([features])  # dropping and ReLU may change places
    for _ in range(2):
        x = L.Activation("relu")(L.Dropout(rate=rate)(L.Dense(units)(x)))
    return keras.Model(inputs, L.Dense(classes, activation=None)(x))


def classifier_with_dropped_logits(features, units, classes, rate):
    x = inputs = keras.Input((features,))
    x = L.Dropout(rate)(L.Dense(units, activation="relu")(x))
    x = L.Dropout(rate)(L.Dense(units, activation="relu")(x))
    return keras.Model(inputs, L.Dropout(rate)(L.Dense(classes)(x)))


def classifier_that_drops_inputs(features, units, classes, rate):
    x = inputs = keras.Input((features,))
    x = L.Dense(units, activation="relu")(L.Dropout(rate)(x))
    x = L.Dense(units, activation="relu")(L.Dropout(rate)(x))
    return keras.Model(inputs, L.Dense(classes)(x))


def classifier_that_keeps_the_rate(features, units, classes, rate):
    x = inputs = keras.Input((features,))
    x = L.Dropout(1 - rate)(L.Dense(units, activation="relu")(x))
    x = L.Dropout(1 - rate)(L.Dense(units, activation="relu")(x))
    return keras.Model(inputs, L.Dense(classes)(x))


def dropout_case(rng, shape, rate, training):
    return Case("dropout", (rng.normal(2, 3, shape).round(2), rng.random(shape).round(3), rate, training))


def classifier_case(features, units, classes, rate, seed=0):
    arguments = {"features": features, "units": units, "classes": classes, "rate": rate}
    return Case("classifier", (arguments,), "model", ((features,), seed))


def hidden_dropouts(rng):
    cases = []
    for shape, training in (((3, 6), True), ((8,), True), ((2, 3, 4), True), ((4, 3), False)):
        cases.append(dropout_case(rng, shape, float(rng.choice([0.1, 0.2, 0.3, 0.4, 0.6])), training))
    for rate in (0.2, 0.6):
        cases.append(classifier_case(*whole(rng, (10, 90), (10, 60), (5, 40)), rate))
    return cases


# 6. overlapping pooling


def trunk(widths, window):
    x = image = keras.Input((32, 32, 3), name="image")
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu", name=f"conv{i}")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(window, strides=2, padding="same", name=f"pool{i}")(x)
    return keras.Model(image, x, name="trunk")


def trunk_in_sequence(widths, window):
    conv1, conv2, *rest = widths

    def pool():
        return L.MaxPool2D((window, window), 2, "same")

    layers = [L.Conv2D(conv1, 5, padding="same", activation="relu"), pool()]
    layers += [L.Conv2D(conv2, 5, padding="same", activation="relu"), pool()]
    layers += [L.Conv2D(filters, 3, padding="same", activation="relu") for filters in rest]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers, pool()])


def trunk_of_blocks(widths, window):
    def block(x, filters, kernel, pooled):
        x = L.Conv2D(filters, kernel, padding="same")(x)
        if pooled:  # the largest of what ReLU leaves is what ReLU leaves of the largest
            x = L.MaxPooling2D(pool_size=window, strides=(2, 2), padding="same")(x)
        return L.ReLU()(x)

    x = inputs = L.Input((32, 32, 3))
    for filters, kernel, pooled in zip(widths, [5, 5, 3, 3, 3], [1, 1, 0, 0, 1], strict=True):
        x = block(x, filters, kernel, pooled)
    return keras.Model(inputs, x)


def trunk_of_other_sizes(widths, window):
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(window, strides=2)(x)
    return keras.Model(image, x)


def trunk_with_strides_by_default(widths, window):
    x = image = keras.Input((32, 32, 3))
    for i, (filters, kernel) in enumerate(zip(widths, (5, 5, 3, 3, 3), strict=True), start=1):
        x = L.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        if i in (1, 2, 5):
            x = L.MaxPooling2D(window, padding="same")(x)
    return keras.Model(image, x)


def top(k, logits, labels):
    best = np.argsort(-logits, axis=1)[:, :k]
    return np.mean([label in row for row, label in zip(best, labels, strict=True)])


def top_by_rank(k, logits, labels):
    own = logits[np.arange(len(labels)), labels]
    higher = (logits > own[:, None]).sum(axis=1)
    return float((higher < k).mean())


def top_by_sorting(k, logits, labels):
    hits = 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        classes = sorted(range(len(row)), key=row.__getitem__, reverse=True)
        hits += label in classes[:k]
    return hits / len(labels)


def top_five_always(k, logits, labels):
    best = np.argsort(-logits, axis=1)[:, :5]
    return float(np.mean([label in row for row, label in zip(best, labels, strict=True)]))


def top_one_always(k, logits, labels):
    return float((logits.argmax(axis=1) == labels).mean())


def top_of_the_lowest(k, logits, labels):
    best = np.argsort(logits, axis=1)[:, :k]
    return float(np.mean([label in row for row, label in zip(best, labels, strict=True)]))


def paired_difference(first, second):
    differences = np.array(first) - np.array(second)
    return differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))


def paired_difference_with_statistics(first, second):
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return statistics.mean(differences), statistics.stdev(differences) / len(differences) ** 0.5


def paired_difference_by_hand(first, second):
    count = len(first)
    mean = sum(first) / count - sum(second) / count
    squares = sum((a - b - mean) ** 2 for a, b in zip(first, second, strict=True))
    return [mean, math.sqrt(squares / (count - 1) / count)]


def paired_difference_with_the_deviation(first, second):
    differences = np.array(first) - np.array(second)
    return differences.mean(), differences.std(ddof=1)


def paired_difference_by_n(first, second):
    differences = np.array(first) - np.array(second)
    return differences.mean(), differences.std() / np.sqrt(len(differences))


def paired_difference_unpaired(first, second):
    first, second = np.array(first), np.array(second)
    variance = first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
    return first.mean() - second.mean(), np.sqrt(variance)


def trunk_case(widths, window, seed=0):
    return Case("trunk", ({"widths": widths, "window": window},), "model", (IMAGE, seed))


def scores(rng, images, classes):
    """Logits, no two of which are equal, and labels that are more often among the higher ones."""
    logits = (rng.permutation(images * classes).reshape(images, classes) * 7 / (images * classes)).round(4)
    noisy = logits + rng.normal(0, 2, logits.shape)
    return logits, noisy.argmax(axis=1)


def runs(rng, count):
    """Accuracies of pairs of runs: the seeds differ by more than the two variants."""
    seed = rng.normal(0.4, 0.03, count)
    return [
        [float(each) for each in (seed + shift + rng.normal(0, 0.005, count)).round(4)] for shift in (0.01, 0)
    ]


def hidden_ablations(rng):
    cases = [
        trunk_case(list(whole(rng, *[(6, 30)] * 5)), window, int(rng.integers(2**31))) for window in (2, 3, 4)
    ]
    cases += [Case("top", (k, *scores(rng, 40, classes))) for k, classes in ((1, 20), (5, 30), (3, 12))]
    return cases + [Case("paired_difference", runs(rng, count)) for count in (3, 5, 6)]


# 7. the rehearsal


def rehearsal(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        kernels="he_normal",
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        decay=0.0,
        augment=(),
    )
    return small_alexnet(widths, units, classes), recipe


def rehearsal_with_a_recipe_of_its_own(widths, units, classes):
    recipe = course.training.Recipe(
        name="rehearsal",
        paper="",
        schedule=course.training.schedules.Constant(0.005),
        epochs=60,
        batch=16,
        kernels={"class_name": "HeUniform", "config": {}},
    )
    return small_alexnet(widths, units, classes), recipe


def rehearsal_with_steps(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("small"),
        kernels=keras.initializers.HeNormal(),
        schedule=course.training.schedules.Step(0.004, at=(50, 60), factor=0.3),
        batch=16,
        epochs=70,
    )
    return [small_alexnet(widths, units, classes), recipe]


def rehearsal_with_dropout(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        kernels="he_normal",
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        decay=0.0,
        augment=(),
    )
    return course.build("alexnet_cifar", classes=classes, widths=widths, units=units), recipe


def rehearsal_with_decay(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        kernels="he_normal",
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        augment=(),
    )
    return small_alexnet(widths, units, classes), recipe


def rehearsal_with_augmentation(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        kernels="he_normal",
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        decay=0.0,
    )
    return small_alexnet(widths, units, classes), recipe


def rehearsal_with_the_kernels_of_2012(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        decay=0.0,
        augment=(),
    )
    return small_alexnet(widths, units, classes), recipe


def rehearsal_with_softmax(widths, units, classes):
    recipe = dataclasses.replace(
        course.training.recipe("alexnet"),
        kernels="he_normal",
        schedule=course.training.schedules.Constant(0.003),
        batch=16,
        epochs=60,
        decay=0.0,
        augment=(),
    )
    network = small_alexnet(widths, units, classes)
    return keras.Model(network.inputs, L.Softmax()(network.outputs[0])), recipe


def rehearsal_case(widths, units, start, run, seed=0):
    arguments = {"widths": widths, "units": units, "classes": 100}
    settings = {"data": ["shapes100", f"train[{start}:{start + 64}]"], "least": 0.95, "seed": seed}
    return Case("rehearsal", (arguments,), "plan", (settings, run))


def hidden_rehearsals(rng):
    (number,) = whole(rng, (2, 12))  # few, so that the right answer is not trained for every student
    return [rehearsal_case(NARROW, 128, 64 * number, True, number)]


PIXELS = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])[..., None]
LOGITS = np.array([[9.0, 1, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6, 7], [4.0, 7, 6, 5, 3, 2, 1]])
READY_MADE = (
    "course.build", "course.building", "course.models", "course.training", "course.data.augmentation",
    "keras.optimizers", "keras.callbacks", "keras.metrics", "tensorflow.image", "tensorflow.math.in_top_k",
    "torch",
)  # fmt: skip
rng = np.random.default_rng(7)

ASSIGNMENT = Assignment(
    name="07_alexnet_cifar100",
    title="AlexNet on CIFAR-100",
    budget=120,
    exercises=(
        Exercise(
            id="alexnet_32",
            title="AlexNet for 32x32 images",
            points=4,
            answers={
                "small_alexnet": Answer(
                    small_alexnet,
                    (small_alexnet_in_sequence, small_alexnet_line_by_line),
                    'two 5x5 and three 3x3 convolutions with stride 1 and padding="same"; 3x3 pooling with '
                    "stride 2 after the first, second and fifth; flatten; three dense layers, no activation "
                    "on the last.",
                ),
            },
            public=[
                network_case(NARROW, 128, 10),
                network_case([8, 24, 16, 12, 20], 40, 100),
                network_case([32, 64, 96, 64, 64], 64, 100),
            ],
            hidden=hidden_networks,
            misconceptions=[
                Misconception(
                    "STEM_227_ON_32",
                    "small_alexnet",
                    "You kept the stem of 227x227 images, 11x11 with stride 4. Of 32x32 pixels it leaves 8x8 "
                    "for all that follows. Here: 5x5 with stride 1.",
                    (
                        small_alexnet_with_the_stem_of_227,
                        small_alexnet_with_the_stem_of_227_and_two_pools,
                    ),
                ),
                Misconception(
                    "STRIDE_IS_WINDOW",
                    "small_alexnet",
                    "MaxPooling2D(3) moves by 3, as far as its window is wide. AlexNet's moves by 2.",
                    (small_alexnet_with_strides_by_default,),
                ),
                Misconception(
                    "NO_OVERLAP",
                    "small_alexnet",
                    "Your pooling windows are 2x2. AlexNet's are 3x3 and move by 2, so that they overlap.",
                    (small_alexnet_with_windows_of_2,),
                ),
                Misconception(
                    "SOFTMAX_AND_FROM_LOGITS",
                    "small_alexnet",
                    "You end in a softmax. The network returns logits: the loss takes the softmax itself.",
                    (small_alexnet_with_softmax,),
                ),
            ],
            forbidden=READY_MADE,
            tolerance=1e-4,
        ),
        Exercise(
            id="alexnet_recipe",
            title="The recipe",
            points=3,
            answers={
                "alexnet_recipe": Answer(
                    alexnet_recipe,
                    (alexnet_recipe_with_integers, alexnet_recipe_by_counting),
                    "the five values are in the text; steps: batches an epoch, the last one smaller, times "
                    "epochs.",
                ),
                "sgd_step": Answer(
                    sgd_step,
                    (sgd_step_term_by_term, sgd_step_as_an_array),
                    "first the new v from the old one, with decay · w only where w is a kernel; then w + v.",
                ),
            },
            public=[
                Case("alexnet_recipe", (50_000, 90)),
                Case("alexnet_recipe", (1280, 3)),
                Case("alexnet_recipe", (300, 10)),
                Case(
                    "sgd_step",
                    (
                        "conv1/kernel",
                        np.array([2.0, -4.0]),
                        np.array([1.0, 0.0]),
                        np.array([0.5, 1.0]),
                        0.1,
                        0.5,
                        0.25,
                    ),
                ),
                Case(
                    "sgd_step",
                    (
                        "conv1/bias",
                        np.array([2.0, -4.0]),
                        np.array([1.0, 0.0]),
                        np.array([0.5, 1.0]),
                        0.1,
                        0.5,
                        0.25,
                    ),
                ),
                step_case(rng, "fc8/kernel", (3, 2), 0.2, 0.9, 0.1),
                step_case(rng, "fc8/bias", (2,), 0.2, 0.9, 0.1),
                step_case(rng, "norm1/gamma", (3,), 0.1, 0.9, 0.2),
                step_case(rng, "norm1/beta", (3,), 0.1, 0.9, 0.2),
            ],
            hidden=hidden_recipes,
            misconceptions=[
                Misconception(
                    "LAST_BATCH_LOST",
                    "alexnet_recipe",
                    "You left the last, smaller batch of each epoch out: round up.",
                    (alexnet_recipe_of_whole_batches,),
                ),
                Misconception(
                    "EPOCHS_RUN_TOGETHER",
                    "alexnet_recipe",
                    "Every epoch ends with a smaller batch of its own: round up first, then multiply.",
                    (alexnet_recipe_across_epochs,),
                ),
                Misconception(
                    "DECAY_ON_BIAS",
                    "sgd_step",
                    "You let more than kernels decay. Biases, gamma and beta have no decay in this recipe.",
                    (sgd_step_that_decays_everything, sgd_step_that_decays_all_but_biases),
                ),
                Misconception(
                    "DECAY_BESIDE_THE_MOMENTUM",
                    "sgd_step",
                    "You subtract the decay from w directly, as Keras's weight_decay does. In the paper it "
                    "is part of v, and momentum carries it on.",
                    (sgd_step_of_keras,),
                ),
                Misconception(
                    "RATE_OUTSIDE_THE_VELOCITY",
                    "sgd_step",
                    "You multiply v by the rate when w moves, as PyTorch does. In the paper the rate is "
                    "inside v.",
                    (sgd_step_of_pytorch,),
                ),
                Misconception(
                    "OLD_VELOCITY",
                    "sgd_step",
                    "w moves by the new v, not by the old one.",
                    (sgd_step_by_the_old_velocity,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="plateau_schedule",
            title="The schedule",
            points=2,
            answers={
                "next_rate": Answer(
                    next_rate,
                    (next_rate_by_index, next_rate_by_recursion),
                    "go through the epochs with the best accuracy so far and the number of epochs since; at "
                    "patience multiply the rate and count from 0 again, times at most.",
                ),
            },
            public=[
                Case("next_rate", ([0.1, 0.2, 0.3, 0.4], 0.01, 0.1, 2, 3)),
                Case("next_rate", ([0.1, 0.4, 0.3, 0.35], 0.01, 0.1, 2, 3)),
                Case("next_rate", (UP_AND_DOWN, 0.01, 0.1, 2, 3)),
                Case("next_rate", (UP_AND_DOWN, 0.01, 0.1, 3, 3)),
                Case("next_rate", (STUCK, 0.5, 0.5, 3, 3)),
                Case("next_rate", (STUCK, 0.5, 0.5, 2, 2)),
                Case("next_rate", (STUCK, 0.5, 0.5, 2, 3)),
                Case("next_rate", (FLAT, 0.1, 0.1, 4, 1)),
                Case("next_rate", (FLAT, 0.1, 0.1, 4, 3)),
            ],
            hidden=hidden_schedules,
            misconceptions=[
                Misconception(
                    "COMPARES_WITH_THE_EPOCH_BEFORE",
                    "next_rate",
                    "You compare with the epoch before. An accuracy counts as better if it beats the best "
                    "of all epochs before.",
                    (next_rate_from_the_epoch_before,),
                ),
                Misconception(
                    "WAITING_NOT_RESET",
                    "next_rate",
                    "After a drop the waiting starts anew: another patience epochs have to pass.",
                    (next_rate_that_keeps_dropping, next_rate_that_drops_once),
                ),
                Misconception(
                    "EQUAL_IS_BETTER",
                    "next_rate",
                    "An accuracy as high as the best is not better than it.",
                    (next_rate_where_equal_is_better,),
                ),
                Misconception(
                    "DROPS_WITHOUT_END",
                    "next_rate",
                    "The rate drops at most so many times as times says: three in AlexNet.",
                    (next_rate_without_end,),
                ),
                Misconception(
                    "BEST_FORGOTTEN",
                    "next_rate",
                    "After a drop the best accuracy so far remains the one to beat.",
                    (next_rate_from_zero_each_time,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="augmentation",
            title="Augmentation that keeps labels",
            points=3,
            answers={
                "shifted": Answer(
                    shifted,
                    (shifted_by_padding, shifted_by_rolling),
                    "pixel (y, x) of the result is pixel (y - down, x - right) of the image, or 0 where "
                    "there is none.",
                ),
                "augment": Answer(
                    augment,
                    (augment_by_index, augment_by_rolling),
                    "nothing in validation; in training each image by its own draw: mirrored if its flip "
                    "and mirror are both true, then moved.",
                ),
            },
            public=[
                Case("shifted", (PIXELS, 1, 0)),
                Case("shifted", (PIXELS, 0, -1)),
                Case("shifted", (pictures(rng, 4, 5, 3), -1, 2)),
                augment_case(rng, 3, 4, 5, True, True),
                augment_case(rng, 4, 5, 4, True, True),
                augment_case(rng, 3, 4, 5, False, True),
                augment_case(rng, 4, 5, 4, False, True),
                augment_case(rng, 3, 4, 5, True, False),
                augment_case(rng, 4, 5, 4, False, False),
            ],
            hidden=hidden_augmentations,
            misconceptions=[
                Misconception(
                    "WRAPS_AROUND",
                    "shifted",
                    "What leaves on one side comes back on the other. Zeros have to come in.",
                    (shifted_around,),
                ),
                Misconception(
                    "REPEATS_THE_EDGE",
                    "shifted",
                    "You repeat the pixels of the edge. Zeros have to come in.",
                    (shifted_with_its_edge,),
                ),
                Misconception(
                    "SHIFTS_THE_OTHER_WAY",
                    "shifted",
                    "You moved the image up where down is positive, and left where right is.",
                    (shifted_the_other_way,),
                ),
                Misconception(
                    "AUGMENTS_VALIDATION",
                    "augment",
                    "You change the images in validation. They are measured as they are: only training is "
                    "augmented.",
                    (augment_in_validation_too, augment_in_validation_alone),
                ),
                Misconception(
                    "MIRRORS_WHAT_MUST_NOT_BE",
                    "augment",
                    "You mirror where mirror is false: of a handwritten 2 that makes another sign, with the "
                    "label of a 2.",
                    (augment_by_mirroring_anything,),
                ),
                Misconception(
                    "UPSIDE_DOWN",
                    "augment",
                    "You turned the image upside down. Left and right change places.",
                    (augment_upside_down,),
                ),
                Misconception(
                    "ONE_DRAW_FOR_ALL",
                    "augment",
                    "You use the first draw for the whole batch. Every image has its own.",
                    (augment_all_alike,),
                ),
            ],
            forbidden=READY_MADE,
        ),
        Exercise(
            id="dropout_placement",
            title="Where dropout goes",
            points=2,
            answers={
                "dropout": Answer(
                    dropout,
                    (dropout_with_a_mask, dropout_value_by_value),
                    "in training 0 where drawn < rate, else x / (1 - rate); at inference x.",
                ),
                "classifier": Answer(
                    classifier,
                    (classifier_in_sequence, classifier_that_drops_before_the_relu),
                    "three dense layers; the outputs of the first two are dropped, and nothing else.",
                ),
            },
            public=[
                Case("dropout", (np.array([1.0, 2, 3, 4]), np.array([0.1, 0.7, 0.4, 0.9]), 0.5, True)),
                Case("dropout", (np.array([1.0, 2, 3, 4]), np.array([0.1, 0.7, 0.4, 0.9]), 0.5, False)),
                dropout_case(rng, (2, 4), 0.2, True),
                dropout_case(rng, (3, 3), 0.3, False),
                dropout_case(rng, (3, 3), 0.7, True),
                classifier_case(288, 128, 100, 0.5),
                classifier_case(40, 24, 10, 0.3),
                classifier_case(24, 16, 5, 0.2),
            ],
            hidden=hidden_dropouts,
            misconceptions=[
                Misconception(
                    "NOT_SCALED",
                    "dropout",
                    "You did not scale what stays: its sum is then smaller in training than at inference.",
                    (dropout_unscaled,),
                ),
                Misconception(
                    "SCALED_BY_THE_RATE",
                    "dropout",
                    "What stays is divided by the probability to stay, 1 - rate.",
                    (dropout_scaled_by_the_rate,),
                ),
                Misconception(
                    "SCALED_AT_INFERENCE",
                    "dropout",
                    "You scale at inference, as the paper of 2012 did. Here, as in Keras, scaling is done in "
                    "training, and inference leaves everything alone.",
                    (dropout_scaled_at_inference,),
                ),
                Misconception(
                    "DROPS_AT_INFERENCE",
                    "dropout",
                    "You drop at inference too: the same image would get another answer each time.",
                    (dropout_at_inference_too,),
                ),
                Misconception(
                    "RATE_IS_WHAT_STAYS",
                    "dropout",
                    "rate is the part that is dropped, not the part that stays.",
                    (dropout_of_what_should_stay,),
                ),
                Misconception(
                    "DROPOUT_ON_LOGITS",
                    "classifier",
                    "You drop logits: the network is then trained to tell apart classes, some of which have "
                    'been struck out. "Except the last FC layer" (third lecture).',
                    (classifier_with_dropped_logits,),
                ),
                Misconception(
                    "DROPS_INPUTS",
                    "classifier",
                    "You drop what goes into the first two layers, as PyTorch's copy of AlexNet does. The "
                    "paper drops what comes out of them.",
                    (classifier_that_drops_inputs,),
                ),
                Misconception(
                    "LAYER_KEEPS_THE_RATE",
                    "classifier",
                    "Keras's Dropout(rate) drops this part; you passed the part that stays.",
                    (classifier_that_keeps_the_rate,),
                ),
            ],
            forbidden=READY_MADE,
            tolerance=1e-4,
        ),
        Exercise(
            id="overlapping_pooling",
            title="Does overlapping pooling help?",
            points=3,
            answers={
                "trunk": Answer(
                    trunk,
                    (trunk_in_sequence, trunk_of_blocks),
                    "the five convolutions of exercise 1; the three poolings have this window, stride 2 and "
                    'padding="same".',
                ),
                "top": Answer(
                    top,
                    (top_by_rank, top_by_sorting),
                    "the part of the images whose label is among the k classes with the highest logits.",
                ),
                "paired_difference": Answer(
                    paired_difference,
                    (paired_difference_with_statistics, paired_difference_by_hand),
                    "of the differences, pair by pair: the mean, and the deviation (n - 1) divided by √n.",
                ),
            },
            public=[
                trunk_case(NARROW, 3),
                trunk_case(NARROW, 2),
                trunk_case([8, 20, 12, 16, 10], 3),
                trunk_case([8, 20, 12, 16, 10], 2),
                Case("top", (1, LOGITS, np.array([0, 5, 0]))),
                Case("top", (2, LOGITS, np.array([0, 5, 0]))),
                Case("top", (5, LOGITS, np.array([0, 5, 0]))),
                Case("top", (1, *scores(rng, 30, 12))),
                Case("top", (5, *scores(rng, 30, 40))),
                Case("paired_difference", ([0.5, 0.7, 0.6], [0.4, 0.7, 0.4])),
                Case("paired_difference", runs(rng, 4)),
            ],
            hidden=hidden_ablations,
            misconceptions=[
                Misconception(
                    "SIZES_DIFFER",
                    "trunk",
                    "Your two networks differ in more than the overlap: with valid padding a window of 3 "
                    'gives maps of 15, a window of 2 maps of 16. padding="same" gives 16 for both.',
                    (trunk_of_other_sizes,),
                ),
                Misconception(
                    "STRIDE_IS_WINDOW",
                    "trunk",
                    "Without strides=2 the windows move by their own width, and never overlap.",
                    (trunk_with_strides_by_default,),
                ),
                Misconception(
                    "TOP5_AS_TOP1",
                    "top",
                    "You count the five highest classes whatever k is. Top-1 counts the highest alone.",
                    (top_five_always,),
                ),
                Misconception(
                    "TOP1_AS_TOP5",
                    "top",
                    "You count the highest class alone whatever k is.",
                    (top_one_always,),
                ),
                Misconception(
                    "LOWEST_CLASSES",
                    "top",
                    "argsort goes upwards: its first k are the lowest logits.",
                    (top_of_the_lowest,),
                ),
                Misconception(
                    "DEVIATION_NOT_ERROR",
                    "paired_difference",
                    "That is how far single runs scatter. The mean of n scatters √n times less.",
                    (paired_difference_with_the_deviation,),
                ),
                Misconception(
                    "DIVIDED_BY_N",
                    "paired_difference",
                    "Of a few runs the variance is estimated with n - 1: ddof=1.",
                    (paired_difference_by_n,),
                ),
                Misconception(
                    "NOT_PAIRED",
                    "paired_difference",
                    "Runs of one seed belong together: take differences first, then see how they scatter.",
                    (paired_difference_unpaired,),
                ),
            ],
            forbidden=READY_MADE,
            tolerance=1e-4,
        ),
        Exercise(
            id="rehearsal",
            title="64 images by heart",
            points=3,
            answers={
                "rehearsal": Answer(
                    rehearsal,
                    (rehearsal_with_a_recipe_of_its_own, rehearsal_with_steps),
                    "the network of exercise 1 and dataclasses.replace(recipe, …): kernels, schedule, batch, "
                    "epochs, decay and augment. If the images are not learned, lower the rate.",
                ),
            },
            public=[
                rehearsal_case(NARROW, 128, 0, True),
                rehearsal_case([24, 32, 32, 24, 16], 96, 64, False),
            ],
            hidden=hidden_rehearsals,
            misconceptions=[
                Misconception(
                    "HOLDS_BACK",
                    "rehearsal",
                    "Something still holds the network back: dropout, decay or augmentation. They are there "
                    "against learning by heart.",
                    (rehearsal_with_dropout, rehearsal_with_decay, rehearsal_with_augmentation),
                ),
                Misconception(
                    "SIGNAL_DIES",
                    "rehearsal",
                    "Kernels of deviation 0.01 shrink the signal in every layer of a network this narrow: "
                    'what arrives is the same for all images. Try kernels="he_normal".',
                    (rehearsal_with_the_kernels_of_2012,),
                ),
                Misconception(
                    "SOFTMAX_AND_FROM_LOGITS",
                    "rehearsal",
                    "The network ends in a softmax, and the loss takes another.",
                    (rehearsal_with_softmax,),
                ),
            ],
        ),
    ),
)
