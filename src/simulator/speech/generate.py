#!/usr/bin/env python3
"""Renders the turns of calls.json once each to clips/, the audio from which speech.rs puts calls together.

Needs libespeak-ng and ffmpeg (Debian 12: libespeak-ng1 1.51, ffmpeg 5.1). Running it again with the same
versions gives the same bytes.

    clips/mono.mp3     MPEG-2 layer III, 32 kbit/s, 22.05 kHz, one channel: all clips, end to end
    clips/stereo.mp3   the same at 64 kbit/s with each speaker in his channel: clips of two-channel calls
    clips/speech.ulaw  G.711 mu-law, 8 kHz: what a telephone line carries, and what the WAVs are made of
    clips/index.json   which frames and samples are whose, and when each word is said, in ms from the clip's start

Every clip is a whole number of MPEG frames that lean on no earlier frame (no bit reservoir), so that
frames can be spliced in any order. The first clip is silence.
"""

import ctypes
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
CLIPS = HERE / "clips"
MP3_RATE, FRAME_SAMPLES = 22_050, 576
LINE_RATE = 8_000
# A decoder's output lags by 1,105 samples: two frames less leave a clip 47 samples (2 ms) early.
ENCODER_LAG_FRAMES = 2
LEAD_MS, TAIL_MS = 60, 80
SILENCE_FRAMES = 8
CHANNEL = {"caller": 0, "agent": 1}


def run(*command, data=b""):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout


def ffmpeg(data, *options):
    quiet = ("-hide_banner", "-loglevel", "error", "-bitexact", "-threads", "1")
    pcm_in = ("-f", "s16le", "-ar", str(MP3_RATE))
    return run("ffmpeg", *quiet, *pcm_in, *options, "pipe:1", data=data)


def speak(voice, text):
    """16-bit PCM at 22.05 kHz, trimmed of espeak's own silence and framed by ours; and its words' times."""
    # Each in a process of its own: the synthesiser remembers what it said before.
    with multiprocessing.Pool(1) as once:
        pcm, marks = once.apply(synthesise, (voice, text))
    samples = memoryview(pcm).cast("h")
    loud = [at for at in range(len(samples)) if abs(samples[at]) > 200]
    first, last = loud[0], loud[-1] + 1
    words = [
        [word, *(LEAD_MS + (at - first) * 1000 // MP3_RATE for at in (start, end))]
        for word, start, end in word_times(text, marks, samples[:last], first)
    ]
    return silence(LEAD_MS) + pcm[first * 2 : last * 2] + silence(TAIL_MS), words


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", ctypes.c_uint64),
    ]


class Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte), ("age", ctypes.c_ubyte), ("variant", ctypes.c_ubyte), ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int), ("spare", ctypes.c_void_p),
    ]


def synthesise(voice, text):
    """Samples, and for each word that espeak announces: where it begins in the text and in the samples."""
    synchronous, in_characters, utf8, end_pause, rate, pitch, word_event = 2, 1, 1, 0x1000, 1, 3, 1
    pcm, marks = bytearray(), []

    def take(samples, count, events):
        if samples and count > 0:
            pcm.extend(ctypes.string_at(samples, count * 2))
        at = 0
        while events[at].type:
            # Without a length it marks a pause.
            if events[at].type == word_event and events[at].length:
                marks.append((events[at].text_position - 1, events[at].sample))
            at += 1
        return 0

    espeak = ctypes.CDLL("libespeak-ng.so.1")
    assert espeak.espeak_Initialize(synchronous, 0, None, 0) == MP3_RATE
    taker = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))(take)
    espeak.espeak_SetSynthCallback(taker)
    name = voice["voice"].encode()
    if espeak.espeak_SetVoiceByName(name) != 0:
        assert espeak.espeak_SetVoiceByProperties(ctypes.byref(Voice(languages=name))) == 0
    espeak.espeak_SetParameter(rate, voice["speed"], 0)
    espeak.espeak_SetParameter(pitch, voice["pitch"], 0)
    data = text.encode() + b"\0"
    espeak.espeak_Synth(data, len(data), 0, in_characters, 0, utf8 | end_pause, None, None)
    espeak.espeak_Synchronize()
    return bytes(pcm), marks


def word_times(text, marks, samples, first):
    """(word, start, end) in samples. A word ends where the next begins, or where it falls silent before."""
    words = [(found.start(), found.group()) for found in re.finditer(r"\S+", text)]
    starts = []
    for at, word in words:
        inside = [sample for position, sample in marks if at <= position < at + len(word)]
        starts.append(max(inside[0], first) if inside else None)
    for at, start in enumerate(starts):
        if start is None:
            # "of the" is one word to espeak: what is not announced gets its share of what is left, by letters.
            later = [other for other in range(at, len(starts)) if starts[other] is not None]
            until = starts[later[0]] if later else len(samples)
            letters = [len(word) for _, word in words[at - 1 : later[0] if later else None]]
            starts[at] = starts[at - 1] + (until - starts[at - 1]) * letters[0] // sum(letters)
    for (_, word), start, end in zip(words, starts, [*starts[1:], len(samples)]):
        while end > start + 1 and abs(samples[end - 1]) <= 200:
            end -= 1
        yield word, start, end


def silence(ms):
    return bytes(MP3_RATE * ms // 1000 * 2)


def frames_of(mp3):
    """Cuts a stream at its frame headers, and checks that each frame stands alone."""
    kbits = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    frames, at = [], 0
    while at < len(mp3):
        assert mp3[at] == 0xFF and mp3[at + 1] == 0xF3, "not an MPEG-2 layer III frame without a checksum"
        assert mp3[at + 4] == 0, "a frame leans on an earlier one"
        rate = kbits[mp3[at + 2] >> 4] * 1000
        length = 72 * rate // MP3_RATE + (mp3[at + 2] >> 1 & 1)
        frames.append(mp3[at : at + length])
        at += length
    return frames


def encode(pcm, frames, layout, kbit):
    mp3 = ffmpeg(
        pcm, "-ac", "1", "-i", "pipe:0", "-filter:a", f"pan={layout}", "-c:a", "libmp3lame", "-b:a", f"{kbit}k",
        "-joint_stereo", "0", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0",
        "-map_metadata", "-1", "-f", "mp3",
    )
    kept = frames_of(mp3)[ENCODER_LAG_FRAMES : ENCODER_LAG_FRAMES + frames]
    assert len(kept) == frames, "the encoder gave too few frames"
    return b"".join(kept)


def clip(pcm, channel):
    """One clip in every encoding. `channel` is None where no two-channel call needs it, -1 for both."""
    frames = -(-len(pcm) // 2 // FRAME_SAMPLES)
    # Two frames more than wanted, so that the encoder's lag is filled with silence.
    padded = pcm + bytes((frames + 2 * ENCODER_LAG_FRAMES) * FRAME_SAMPLES * 2 - len(pcm))
    stereo = b""
    if channel is not None:
        sides = ["c0" if channel in (side, -1) else "0*c0" for side in (0, 1)]
        stereo = encode(padded, frames, f"stereo|c0={sides[0]}|c1={sides[1]}", 64)
    line_samples = frames * FRAME_SAMPLES * LINE_RATE // MP3_RATE
    line = ffmpeg(padded, "-ac", "1", "-i", "pipe:0", "-ar", str(LINE_RATE), "-f", "mulaw")[:line_samples]
    assert len(line) == line_samples
    return frames, encode(padded, frames, "mono|c0=c0", 32), stereo, line


def main():
    script = json.loads((HERE / "calls.json").read_text(encoding="utf-8"))
    mono, stereo, line, index, known = b"", b"", b"", [], set()

    def add(voice, text, made, words):
        nonlocal mono, stereo, line
        frames, made_mono, made_stereo, made_line = made
        at = {"mono_byte": len(mono), "stereo_byte": len(stereo), "sample": len(line)}
        index.append({"voice": voice, "text": text, "frames": frames, **at, "words": words})
        mono, stereo, line = mono + made_mono, stereo + made_stereo, line + made_line

    quiet = bytes(SILENCE_FRAMES * FRAME_SAMPLES * 2)
    add("", "", clip(quiet, -1), [])
    for call in script["calls"]:
        for speaker, text in call["turns"]:
            name = call["speakers"][speaker]
            channel = CHANNEL[speaker] if call["channels"] == 2 else None
            if (name, text) in known:
                sys.exit(f"{call['name']}: {name} says the same twice")
            known.add((name, text))
            pcm, words = speak(script["voices"][name], text)
            add(name, text, clip(pcm, channel), words)
    CLIPS.mkdir(exist_ok=True)
    (CLIPS / "mono.mp3").write_bytes(mono)
    (CLIPS / "stereo.mp3").write_bytes(stereo)
    (CLIPS / "speech.ulaw").write_bytes(line)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index)
    (CLIPS / "index.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
