"""Speech: utterances from espeak-ng, and the features that the networks hear.

Synthetic voices, not recordings: they show that an accelerator does what the float network does,
not how well the network knows people.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from package import Missing

__all__ = ["CALIBRATION", "FRAMES", "OTHERS", "TEST", "Voice", "features", "say"]

RATE = 16_000
FRAMES = 198
"""Frames of an utterance, 10 ms apart: a multiple of the three that a step takes."""

_CHUNK = 160
_LEAD = 0.5  # seconds of silence before an utterance

OTHERS = (
    "the weather is fine today",
    "all that he has is a chair",
    "hey there travis",
    "a lexicon of words",
    "please turn the lights off",
    "okay nobody came by",
)
"""What is no wake word; some sound a little like one."""


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng, words per minute, and pitch from 0 to 99."""

    name: str
    speed: int
    pitch: int


CALIBRATION = tuple(
    Voice(name, speed, 45) for name in ("en-gb", "en-us+f4") for speed in (130, 175)
)
TEST = tuple(
    Voice(name, speed, pitch)
    for name in ("en-us", "en-us+f3", "en-gb+m3", "en-gb-scotland")
    for speed, pitch in ((140, 50), (160, 40))
)


def say(text: str, voice: Voice) -> npt.NDArray[np.int16]:
    """Return 16 kHz samples: silence, the text, silence; ``FRAMES`` and a window of them.

    Raises
    ------
    Missing
        If espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise Missing("espeak-ng is not installed: apt-get install espeak-ng")
    argv = [program, "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch)]
    done = subprocess.run([*argv, "--stdout", text], capture_output=True, check=True)
    with wave.open(io.BytesIO(done.stdout)) as stream:
        rate = stream.getframerate()
    samples = np.frombuffer(done.stdout[44:], "<i2").astype(np.float64)
    count = int(len(samples) * RATE / rate)
    resampled = np.interp(np.arange(count) * rate / RATE, np.arange(len(samples)), samples)
    result = np.zeros((FRAMES + 4) * _CHUNK)
    start = int(_LEAD * RATE)
    part = resampled[: len(result) - start]
    result[start : start + len(part)] = part
    return result.astype(np.int16)


def features(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint16]:
    """Return (FRAMES, 40): the front end of TFLite Micro, in its integers.

    Filter bank energies of 30 ms every 10 ms, without noise, compressed, as pymicro-features
    computes them; that package scales them by 10 / 256.

    Raises
    ------
    Missing
        If pymicro-features is not installed.
    """
    try:
        from pymicro_features import MicroFrontend
    except ImportError as error:
        raise Missing("pymicro-features is not installed: run 'make wakeword'") from error
    rows = list(_frames(MicroFrontend(), samples.astype("<i2").tobytes()))[:FRAMES]
    return np.floor(np.array(rows) * 25.6 + 0.5).astype(np.uint16)


def _frames(frontend: object, audio: bytes) -> Iterator[list[float]]:
    place = 0
    while place + 2 * _CHUNK <= len(audio):
        result = frontend.process_samples(audio[place : place + 2 * _CHUNK])  # type: ignore[attr-defined]
        place += 2 * result.samples_read
        if result.features:
            yield result.features
