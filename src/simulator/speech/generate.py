#!/usr/bin/env python3
"""Renders the turns of calls.json once each to clips/, the audio from which speech.rs puts calls together.

Needs espeak-ng and ffmpeg (Debian 12: espeak-ng 1.51, ffmpeg 5.1). Running it again with the same
versions gives the same bytes.

    clips/mono.mp3     MPEG-2 layer III, 32 kbit/s, 22.05 kHz, one channel: all clips, end to end
    clips/stereo.mp3   the same at 64 kbit/s with each speaker in his channel: clips of two-channel calls
    clips/speech.ulaw  G.711 mu-law, 8 kHz: what a telephone line carries, and what the WAVs are made of
    clips/index.json   which frames and samples are whose

Every clip is a whole number of MPEG frames that lean on no earlier frame (no bit reservoir), so that
frames can be spliced in any order. The first clip is silence.
"""

import json
import pathlib
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
    """16-bit PCM at 22.05 kHz, trimmed of espeak's own silence and framed by ours."""
    wav = run(
        "espeak-ng", "-v", voice["voice"], "-s", str(voice["speed"]), "-p", str(voice["pitch"]),
        "-b", "1", "--stdin", "--stdout", data=text.encode(),
    )
    start = wav.index(b"data") + 8
    pcm = wav[start : start + (len(wav) - start) // 2 * 2]
    samples = memoryview(pcm).cast("h")
    loud = [at for at in range(len(samples)) if abs(samples[at]) > 200]
    spoken = pcm[loud[0] * 2 : (loud[-1] + 1) * 2]
    return silence(LEAD_MS) + spoken + silence(TAIL_MS)


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

    def add(voice, text, made):
        nonlocal mono, stereo, line
        frames, made_mono, made_stereo, made_line = made
        at = {"mono_byte": len(mono), "stereo_byte": len(stereo), "sample": len(line)}
        index.append({"voice": voice, "text": text, "frames": frames, **at})
        mono, stereo, line = mono + made_mono, stereo + made_stereo, line + made_line

    quiet = bytes(SILENCE_FRAMES * FRAME_SAMPLES * 2)
    add("", "", clip(quiet, -1))
    for call in script["calls"]:
        for speaker, text in call["turns"]:
            name = call["speakers"][speaker]
            channel = CHANNEL[speaker] if call["channels"] == 2 else None
            if (name, text) in known:
                sys.exit(f"{call['name']}: {name} says the same twice")
            known.add((name, text))
            add(name, text, clip(speak(script["voices"][name], text), channel))
    CLIPS.mkdir(exist_ok=True)
    (CLIPS / "mono.mp3").write_bytes(mono)
    (CLIPS / "stereo.mp3").write_bytes(stereo)
    (CLIPS / "speech.ulaw").write_bytes(line)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index)
    (CLIPS / "index.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")


main()
