"""A recogniser for tests: says as JSON what is said in a WAV file, of which it knows the words beforehand.

    transcribe.py SCRIPT WAV

The acoustic model is a general one, of American English; the language model is made here, of pairs of words in the
script. So this recognises real speech on a small machine within a second or two, and only speech like the script's.
"""

import json
import math
import sys
import tempfile
import wave
from collections import Counter

from pocketsphinx import Decoder, get_model_path

SAMPLE_RATE = 16_000
FRAMES_PER_SECOND = 100
# What is left for pairs that are not in the script.
BACKED_OFF = 0.02
# Not in the dictionary that comes with the recogniser.
PRONUNCIATIONS = {"pbx": "P IY B IY EH K S"}


def words_of(text):
    kept = "".join(char if char.isalpha() or char == "'" else " " for char in text.lower())
    return kept.split()


def sentences_of(text):
    for end in "!?,":
        text = text.replace(end, ".")
    return [words for words in map(words_of, text.split(".")) if words]


def language_model(sentences):
    """A bigram model in ARPA's format."""
    padded = [["<s>", *words, "</s>"] for words in sentences]
    singles = Counter(word for words in padded for word in words)
    pairs = Counter(pair for words in padded for pair in zip(words, words[1:]))
    total = sum(singles.values())
    lines = ["\\data\\", f"ngram 1={len(singles)}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    for word, count in sorted(singles.items()):
        lines.append(f"{math.log10(count / total):.4f} {word} {math.log10(BACKED_OFF):.4f}")
    lines += ["", "\\2-grams:"]
    for (first, second), count in sorted(pairs.items()):
        share = (1 - BACKED_OFF) * count / singles[first]
        lines.append(f"{math.log10(share):.4f} {first} {second}")
    return "\n".join([*lines, "", "\\end\\", ""])


def dictionary(words):
    """The lines of the recogniser's own for these words: with all of it, it takes half a minute to begin."""
    with open(get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as file:
        lines = [line for line in file if line.split(maxsplit=1)[0].split("(")[0] in words]
    lines += [f"{word} {sounds}\n" for word, sounds in PRONUNCIATIONS.items()]
    unknown = words - {line.split(maxsplit=1)[0] for line in lines}
    assert not unknown, f"no pronunciation of {unknown}"
    return "".join(lines)


def decoder_for(script):
    sentences = sentences_of(script)
    words = {word for words in sentences for word in words}
    with tempfile.TemporaryDirectory() as folder:
        files = {"lm": language_model(sentences), "dict": dictionary(words)}
        for name, text in files.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        paths = {name: f"{folder}/{name}" for name in files}
        return Decoder(**paths, cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")


def samples_of(path):
    with wave.open(path) as audio:
        shape = (audio.getframerate(), audio.getnchannels(), audio.getsampwidth())
        assert shape == (SAMPLE_RATE, 1, 2), f"that is no piece: {shape}"
        return audio.readframes(audio.getnframes())


def heard_words(decoder, samples):
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    for segment in decoder.seg():
        # `<sil>` and `[NOISE]` are no words, and `read(2)` is `read`.
        word = segment.word.split("(")[0]
        if word and word[0] not in "<[+":
            start = segment.start_frame / FRAMES_PER_SECOND
            end = (segment.end_frame + 1) / FRAMES_PER_SECOND
            yield {"word": word, "start": start, "end": end}


def main(script, wav):
    with open(script, encoding="utf-8") as file:
        decoder = decoder_for(file.read())
    words = list(heard_words(decoder, samples_of(wav)))
    text = " ".join(word["word"] for word in words)
    json.dump({"language": "english", "text": text, "words": words}, sys.stdout)


main(*sys.argv[1:])
