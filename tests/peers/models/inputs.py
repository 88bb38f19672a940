"""What the models of zoo.py are run on: noise, and something real. Arrays are NumPy's, the same for every PyTorch."""
import functools
import gzip
import pathlib
import struct

import numpy as np
from PIL import Image

FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
TEXT = pathlib.Path(__file__).parents[3] / "README.md"
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # torchvision's Normalize


@functools.lru_cache(None)
def photographs():
    file = FASHION_MNIST / "t10k-images-idx3-ubyte.gz"
    with gzip.open(file) as stream:
        _, count, height, width = struct.unpack(">4I", stream.read(16))
        return np.frombuffer(stream.read(), np.uint8).reshape(count, height, width)


def picture(index, height, width):
    """[height, width] in 0..1."""
    image = Image.fromarray(photographs()[index]).resize((width, height), Image.BICUBIC)
    return np.asarray(image, np.float32) / 255


def image(rng, shape, real):
    """[N, 3, H, W], normalised as torchvision's classifiers expect; another photograph in each colour."""
    if not real:
        return rng.standard_normal(shape).astype(np.float32)
    n, channels, h, w = shape
    planes = np.stack([picture(i, h, w) for i in range(n * channels)]).reshape(shape)
    return ((planes - MEAN[:, None, None]) / DEVIATION[:, None, None]).astype(np.float32)


def gray(rng, shape, real):
    """[N, 1, H, W] or [N, 1, D, H, W]: photographs behind each other make a volume."""
    if not real:
        return rng.standard_normal(shape).astype(np.float32)
    planes = [picture(i, *shape[-2:]) for i in range(int(np.prod(shape[:-2])))]
    return np.stack(planes).reshape(shape).astype(np.float32)


def tokens(rng, shape, real):
    """Bytes of a text; 256 of them make the vocabulary."""
    if not real:
        return rng.integers(0, 256, shape)
    text = np.frombuffer(TEXT.read_bytes(), np.uint8)
    return np.resize(text, shape).astype(np.int64)


def mask(rng, shape, real):
    """1 where a token counts; each sequence is shorter than the one before."""
    n, steps = shape
    lengths = np.maximum(1, steps - np.arange(n) * steps // (2 * n))
    return (np.arange(steps) < lengths[:, None]).astype(np.int64)


def state(rng, shape, real):
    """Nothing has been read before a real text."""
    return np.zeros(shape, np.float32) if real else rng.uniform(-0.5, 0.5, shape).astype(np.float32)


def speech(rng, shape, real):
    """[N, T, bands]: logarithmic spectra, of vowels (pulses of the voice through formants) where it shall be real."""
    if not real:
        return rng.standard_normal(shape).astype(np.float32)
    n, steps, bands = shape
    rate, hop, window = 16000, 160, 512
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
    out = np.empty(shape, np.float32)
    for i in range(n):
        t = np.arange(steps * hop + window) / rate
        pitch = 2 * np.pi * np.cumsum(120 + 40 * i + 15 * np.sin(2 * np.pi * 3 * t)) / rate
        vowel = np.array(vowels)[(np.arange(t.size) // (20 * hop) + i) % len(vowels)]
        sound = np.zeros(t.size)
        for harmonic in range(1, 40):
            frequency = harmonic * (120 + 40 * i)
            gain = (1 / (1 + ((vowel - frequency) / 90.0) ** 2)).sum(1)
            sound += gain * np.sin(harmonic * pitch)
        frames = np.stack([sound[s * hop:s * hop + window] for s in range(steps)]) * np.hanning(window)
        power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        edges = np.linspace(0, power.shape[1], bands + 1).astype(int)
        spectrum = np.log(np.stack([power[:, a:b].sum(1) for a, b in zip(edges, edges[1:])], 1) + 1e-6)
        out[i] = (spectrum - spectrum.mean()) / spectrum.std()
    return out
