"""compare_readers.py DUMP_EXAMPLES WORK [SEED]: the readers' values against NumPy's and Pillow's, bit for bit.

Writes random data in every form of docs/data.md with NumPy, Pillow and Python's csv, has Dunlin read it, and compares.
"""
import csv
import gzip
import pathlib
import secrets
import shutil
import struct
import subprocess
import sys

import numpy as np
from PIL import Image, ImageOps

dump_examples, work = sys.argv[1], pathlib.Path(sys.argv[2])
seed = int(sys.argv[3]) if len(sys.argv) > 3 else secrets.randbits(32)
print(f"seed {seed}", flush=True)
rng = np.random.default_rng(seed)
compared = 0


def fresh(name):
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def read(data, name):
    """What Dunlin reads: {part: [(input, class or target)]}."""
    out = fresh(name + "-read")
    subprocess.run([dump_examples, str(data), str(out)], check=True)
    parts = {}
    for classes in out.glob("*.txt"):
        part = classes.stem
        parts[part] = [
            (np.load(out / f"{part}_{i}.npy"), np.load(out / f"{part}_{i}_target.npy") if c == "-" else c)
            for i, c in enumerate(classes.read_text().splitlines())
        ]
    return parts


def expect_equal(got, want, what):
    global compared
    assert got.dtype == want.dtype and got.shape == want.shape, f"{what}: {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
    assert np.array_equal(got, want, equal_nan=want.dtype.kind == "f"), f"{what}: values differ"
    compared += 1


def noise(*shape):
    """Smooth enough for JPEG's chroma to matter, rough enough to show a transposed axis."""
    return (rng.integers(0, 256, shape) // 2 + np.arange(shape[1])[None, :].reshape(1, -1, *[1] * (len(shape) - 2)) % 128).astype(np.uint8)


def size():
    return int(rng.integers(1, 40)), int(rng.integers(1, 40))


def channels_last(array):
    return array[:, :, None] if array.ndim == 2 else array


def images():
    """Class folders of PNG and JPEG, and a manifest that names 16-bit PNG."""
    folder = fresh("images")
    want = {}
    for i in range(60):
        h, w = size()
        gray, rgb = noise(h, w), noise(h, w, 3)
        mode = ["L", "RGB", "RGBA", "LA", "P", "1", "jpeg gray", "jpeg", "jpeg progressive", "jpeg turned"][i % 10]
        cls = folder / f"class{i % 3}"
        cls.mkdir(exist_ok=True)
        file = cls / f"{i:03}.{'jpg' if 'jpeg' in mode else 'png'}"
        quality = dict(quality=int(rng.integers(30, 96)), subsampling=int(rng.integers(0, 3)))
        if mode == "L":
            Image.fromarray(gray).save(file)
        elif mode == "RGB":
            Image.fromarray(rgb).save(file)
        elif mode == "RGBA":
            Image.fromarray(np.dstack([rgb, gray])).save(file)
        elif mode == "LA":
            Image.fromarray(np.dstack([gray, gray.T.copy().reshape(h, w)]), "LA").save(file)
        elif mode == "P":
            Image.fromarray(rgb).quantize(int(rng.integers(2, 257))).save(file)
        elif mode == "1":
            Image.fromarray(gray > 128).save(file)
        elif mode == "jpeg gray":
            Image.fromarray(gray).save(file, quality=quality["quality"])
        elif mode == "jpeg turned":
            exif = Image.Exif()
            exif[0x0112] = int(rng.integers(1, 9))
            Image.fromarray(rgb).save(file, exif=exif, **quality)
        else:
            Image.fromarray(rgb).save(file, progressive="progressive" in mode, **quality)
        with Image.open(file) as image:
            image = ImageOps.exif_transpose(image)
            array = np.asarray(image.convert("RGB" if mode[0] in "RPj" and mode != "jpeg gray" else "L"))
        if mode == "LA":
            array = gray  # convert() would lay it over black
        if mode == "RGBA":
            array = rgb
        want[f"class{i % 3}/{file.name}"] = (channels_last(array), f"class{i % 3}", mode)
    got = read(folder, "images")["train"]
    assert len(got) == len(want)
    for (array, name), (file, (expected, cls, mode)) in zip(got, sorted(want.items())):
        assert name == cls, file
        expect_equal(array, expected, f"{file} ({mode})")

    folder = fresh("manifest")
    rows, want = [], []
    for i in range(12):
        h, w = size()
        deep = rng.integers(0, 65536, (h, w)).astype(np.uint16)
        target = rng.standard_normal(3).astype(np.float32)
        if i % 2:
            Image.fromarray(deep).save(folder / f"{i}.png")
            rows.append([f"{i}.png", " ".join(repr(float(t)) for t in target)])
            want.append((channels_last(deep), target))
        else:
            values = rng.standard_normal((h + 3, w, 5)).astype(np.float32)  # no axis that could be channels
            np.save(folder / f"{i}.npy", values)
            np.save(folder / f"{i}-target.npy", target)
            rows.append([f"{i}.npy", f"{i}-target.npy"])
            want.append((values, target))
    with open(folder / "all.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "target"], *rows])
    got = read(folder / "all.csv", "manifest")["train"]
    assert len(got) == len(want)
    for i, ((array, target), (values, wanted)) in enumerate(zip(got, want)):
        expect_equal(array, values, f"manifest row {i}")
        expect_equal(target.reshape(-1), wanted, f"manifest row {i}, target")


def npz():
    """Every element type, C and Fortran order, compressed or not."""
    types = "u1 i1 u2 <i2 <i4 <i8 <u4 <f2 <f4 <f8 ?".split()
    for k, kind in enumerate(types * 2):
        n, rank = int(rng.integers(1, 9)), int(rng.integers(1, 5))
        shape = (n, *(int(s) for s in rng.integers(2, 7, rank)))
        x = (rng.standard_normal(shape) * 100).astype(kind) if np.dtype(kind).kind == "f" else rng.integers(0, 100, shape).astype(kind)
        stored = np.asfortranarray(x) if k % 3 == 0 else x
        y = rng.standard_normal((n, 2)).astype(np.float32) if k % 2 else rng.integers(0, 4, n)
        file = fresh("npz") / "data.npz"
        (np.savez if k % 2 else np.savez_compressed)(file, x=stored, y=y)
        for i, (array, target) in enumerate(read(file, "npz")["train"]):
            expected = x[i]
            if kind not in ("u1", "u2"):
                expected = expected.astype(np.float32)
            elif expected.ndim == 2:
                expected = expected[:, :, None]
            elif expected.ndim == 3 and expected.shape[2] in (1, 3, 4):
                expected = expected[:, :, :3] if expected.shape[2] == 4 else expected
            elif expected.ndim == 3 and expected.shape[0] in (1, 3, 4):
                expected = np.ascontiguousarray(np.moveaxis(expected[:3] if expected.shape[0] == 4 else expected, 0, 2))
            else:
                expected = expected.astype(np.float32)
            if kind not in ("u1", "u2") and expected.ndim == 3 and expected.shape[2] not in (1, 3) and expected.shape[0] in (1, 3):
                expected = np.ascontiguousarray(np.moveaxis(expected, 0, 2))
            expect_equal(array, expected, f"npz {kind} {shape} sample {i}")
            if k % 2:
                expect_equal(target, y[i], f"npz {kind} target {i}")
            else:
                assert target == str(y[i]), f"npz {kind} class {i}"


def idx():
    """Plain and gzip; the test part too."""
    for k, opener in enumerate((open, gzip.open) * 2):
        folder, suffix = fresh("idx"), ".gz" if opener is gzip.open else ""
        want = {}
        for part, name in (("train", "train"), ("test", "t10k")):
            n, (h, w) = int(rng.integers(1, 20)), size()
            shape = (n, h, w) if k < 2 else (n, h, w, 3)
            x, y = rng.integers(0, 256, shape).astype(np.uint8), rng.integers(0, 10, n).astype(np.uint8)
            with opener(folder / f"{name}-images-idx3-ubyte{suffix}", "wb") as f:
                f.write(struct.pack(f">I{len(shape)}I", 0x800 + len(shape), *shape) + x.tobytes())
            with opener(folder / f"{name}-labels-idx1-ubyte{suffix}", "wb") as f:
                f.write(struct.pack(">II", 0x801, n) + y.tobytes())
            want[part] = (x, y)
        got = read(folder, "idx")
        assert got.keys() == want.keys()
        for part, (x, y) in want.items():
            for i, (array, label) in enumerate(got[part]):
                expect_equal(array, channels_last(x[i]), f"idx {part} {i}")
                assert label == str(y[i])


def table():
    """Numbers as Python writes them, in columns around the label."""
    file = fresh("table") / "t.csv"
    bits = rng.integers(0, 2**32, (200, 4), dtype=np.uint32).view(np.float32)
    values = np.where(np.isfinite(bits), bits, 0).astype(np.float64)
    names = ["a", 'quoted "b", with comma', "ü"]
    labels = rng.integers(0, 3, 200)
    with open(file, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["p", "q", "kind", "r", "s"])
        for row, label in zip(values, labels):
            text = [repr(float(v)) for v in row]
            writer.writerow([*text[:2], names[label], *text[2:]])
    for i, (array, label) in enumerate(read(f"{file}#label=kind", "table")["train"]):
        expect_equal(array.reshape(-1), values[i].astype(np.float32), f"table row {i}")
        assert label == names[labels[i]], f"table row {i}"


for form in (images, npz, idx, table):
    form()
print(f"{compared} arrays are the same")
