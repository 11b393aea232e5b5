#!/usr/bin/env python3
"""Judges the times of words: lays a recogniser's own idea of where they are over what was answered.

    alignment.py URL CALL.wav:CHANNEL ...
    alignment.py TRANSCRIPT.json CALL.wav:CHANNEL ...

The beginning of that channel of each file (16-bit, 8 kHz) is transcribed at URL, an OpenAI-compatible provider; or what
was answered is in a file, as the service gives a call's transcript. Then PocketSphinx is told the text and finds it in the sound (forced alignment), from silence to silence. Words missing in
its dictionary are not judged. Fails where a word's beginning is more than DEVIATION_S_MAX off, or too few could be
judged.
"""

import array
import io
import json
import pathlib
import re
import sys
import urllib.request
import uuid
import wave

from pocketsphinx import Decoder

DEVIATION_S_MAX = 0.3
JUDGED_SHARE_MIN = 0.9
RATE = 16_000
BEGINNING_S = 80
# Between two of these an utterance is aligned by itself, with this much silence around it.
SILENCE_S, MARGIN_S = 0.3, 0.2
LOUD = 200


def beginning(path, channel):
    """Samples at twice the rate: PocketSphinx knows no telephone."""
    with wave.open(path, "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE // 2, 2), path
        samples = array.array("h", file.readframes(BEGINNING_S * RATE // 2))
        return doubled(samples[channel :: file.getnchannels()])


def doubled(samples):
    between = array.array("h")
    for now, after in zip(samples, [*samples[1:], 0]):
        between.extend((now, (now + after) // 2))
    return between


def piece(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(RATE)
        made.writeframes(samples.tobytes())
    return file.getvalue()


def transcribed(url, wav):
    """[(word, start)] in seconds."""
    boundary = uuid.uuid4().hex
    fields = {"model": "whisper-1", "response_format": "verbose_json", "timestamp_granularities[]": "word"}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="piece.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n".encode() + wav + f"\r\n--{boundary}--\r\n".encode()
    )
    request = urllib.request.Request(
        f"{url}/v1/audio/transcriptions", data=b"".join(parts),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return [(word["word"], word["start"]) for word in json.load(answer)["words"]]


def kept(transcript, channel):
    """The same from a call's transcript."""
    said = json.loads(pathlib.Path(transcript).read_text(encoding="utf-8"))["utterances"]
    words = [word for one in said if one["channel"] == channel for word in one["words"]]
    bare = [(re.sub(r"[^\w']", "", word["text"]), word["start"]) for word in words]
    return [(word, start) for word, start in bare if start < BEGINNING_S]


def utterances(samples):
    """(start, end) in seconds of what lies between silences."""
    hop, start, end = RATE // 100, None, 0
    for at in range(0, len(samples), hop):
        if max(map(abs, samples[at : at + hop])) > LOUD:
            start = at if start is None else start
            end = at + hop
        elif start is not None and at - end >= SILENCE_S * RATE:
            yield start / RATE, end / RATE
            start = None
    if start is not None:
        yield start / RATE, end / RATE


def is_known(decoder, word):
    """The dictionary has few possessives; a word left out would blur its neighbours."""
    bare = word.removesuffix("'s")
    sounds = decoder.lookup_word(bare)
    if bare != word and sounds and not decoder.lookup_word(word):
        decoder.add_word(word, f"{sounds} Z", True)
    return decoder.lookup_word(word) is not None


def aligned(decoder, samples, words):
    """[start] in seconds of each word, as the recogniser hears it; nothing where it cannot follow."""
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    heard = [segment for segment in decoder.seg() or [] if re.match(r"\w", segment.word)]
    if [re.sub(r"\(\d+\)$", "", segment.word) for segment in heard] != words:
        return []
    return [segment.start_frame / 100 for segment in heard]


def deviations(decoder, samples, answered):
    """(seconds, word) for each word that can be judged."""
    for start, end in utterances(samples):
        start, end = max(0, start - MARGIN_S), end + MARGIN_S
        here = [(word.lower(), at) for word, at in answered if start <= at < end]
        words = [(word, at) for word, at in here if is_known(decoder, word)]
        cut = samples[int(start * RATE) : int(end * RATE)]
        found = aligned(decoder, cut, [word for word, _ in words]) if words else []
        for (word, at), there in zip(words, found):
            yield abs(at - start - there), f"{word} at {at:.2f} s"


def main():
    answers, *pieces = sys.argv[1:]
    # Without noise a digital silence is no silence to it; narrow beams lose a synthetic voice.
    decoder = Decoder(
        samprate=float(RATE), dither=True, seed=1, cmn="batch", bestpath=False,
        beam=1e-150, pbeam=1e-150, wbeam=1e-100, loglevel="FATAL",
    )
    failed = not pieces
    for name in pieces:
        path, _, channel = name.rpartition(":")
        samples = beginning(path, int(channel))
        is_url = answers.startswith("http")
        answered = transcribed(answers, piece(samples)) if is_url else kept(answers, int(channel))
        off = list(deviations(decoder, samples, answered))
        worst, word = max(off, default=(0, "none"))
        mean = sum(seconds for seconds, _ in off) / max(1, len(off))
        print(
            f"{pathlib.Path(path).stem} channel {channel}: {len(off)} of {len(answered)} words, "
            f"off by {mean:.3f} s on average and {worst:.3f} s at most ({word})"
        )
        failed |= worst > DEVIATION_S_MAX or len(off) < max(1, JUDGED_SHARE_MIN * len(answered))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
