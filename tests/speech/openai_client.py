#!/usr/bin/env python3
"""Reads the simulator's answers with OpenAI's own client, which is strict where ours may be lenient.

    openai_client.py URL WAV

The file is the washing-machine call, two channels. Fails at the first answer that is not as OpenAI's would be.
"""

import json
import os
import pathlib
import sys
import urllib.request

import openai

CALLED = "2026-11-27T10:15"
FACT = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"value": {"type": "string"}, "confidence": {"type": "number"}},
            "required": ["value", "confidence"],
            "additionalProperties": False,
        },
        {"type": "null"},
    ]
}


def schema(name, properties):
    form = {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": form}}


def check(what, is_so):
    if not is_so:
        sys.exit(f"openai_client.py: {what}")
    print(what)


def transcription(client, wav):
    create = client.audio.transcriptions.create
    plain = create(model="whisper-1", file=("call.wav", wav), language="en")
    check("json: the call is heard", plain.text.startswith("Riverside Appliance Repair, this is Dana."))
    verbose = create(
        model="whisper-1", file=("call.wav", wav), response_format="verbose_json", temperature=0, prompt="A call.",
        timestamp_granularities=["word", "segment"],
    )
    check("verbose_json: language and duration", verbose.language == "english" and float(verbose.duration) > 20)
    check("verbose_json: a segment for each turn", len(verbose.segments) == 8)
    check("verbose_json: segments follow one another", all(
        before.end <= after.start for before, after in zip(verbose.segments, verbose.segments[1:])
    ))
    words = " ".join(word.word for word in verbose.words)
    check("verbose_json: words without punctuation", words.startswith("Riverside Appliance Repair this is Dana How"))
    check("verbose_json: words have a length", all(word.start < word.end for word in verbose.words))
    bare = create(model="whisper-1", file=("call.wav", wav), response_format="verbose_json")
    check("verbose_json: words only if asked for", bare.words is None and len(bare.segments) == 8)
    for form, begins in [("text", "Riverside"), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n00:00:00.")]:
        check(f"{form}: as is", create(model="whisper-1", file=("call.wav", wav), response_format=form).startswith(begins))
    return plain.text


def understanding(client, text):
    messages = [
        {"role": "system", "content": "You note down what was said."},
        {"role": "user", "content": json.dumps({"began": CALLED, "transcript": text})},
    ]
    create = client.chat.completions.create
    text_or_null = {"type": ["string", "null"]}
    summary = create(
        model="gpt-4o-mini", messages=messages,
        response_format=schema("summary", {"topic": text_or_null, "outcome": text_or_null, "next_step": text_or_null}),
    )
    check("chat: a whole completion", summary.object == "chat.completion" and summary.choices[0].finish_reason == "stop")
    check("chat: usage adds up", summary.usage.total_tokens == summary.usage.prompt_tokens + summary.usage.completion_tokens)
    noted = json.loads(summary.choices[0].message.content)
    check("summary: as the schema has it", set(noted) == {"topic", "outcome", "next_step"} and "washing machine" in noted["topic"])
    starts = {"starts_at": {"type": "string"}, "subject": text_or_null, "confidence": {"type": "number"}}
    appointment = {"anyOf": [{"type": "object", "properties": starts}, {"type": "null"}]}
    facts = create(
        model="gpt-4o-mini", messages=messages,
        response_format=schema("facts", {"customer_name": FACT, "city": FACT, "service": FACT, "appointment": appointment}),
    )
    noted = json.loads(facts.choices[0].message.content)
    check("facts: who and where", (noted["customer_name"]["value"], noted["city"]["value"]) == ("Tom Becker", "Springfield"))
    check("facts: the Thursday after the call", noted["appointment"]["starts_at"] == "2026-12-03T10:00")


def refusals(client, url):
    def refused(what, error, ask):
        try:
            ask()
        except error as caught:
            check(f"{what}: {type(caught).__name__}", bool(caught.message))
        else:
            check(f"{what}: {error.__name__}", False)

    transcribe = client.audio.transcriptions.create
    refused("not a WAV", openai.BadRequestError, lambda: transcribe(model="whisper-1", file=("a.wav", b"nothing")))
    refused(
        "beyond 25 MiB", openai.APIStatusError,
        lambda: transcribe(model="whisper-1", file=("a.wav", bytes(30 * 1024 * 1024))),
    )
    refused("an unknown route", openai.NotFoundError, lambda: client.images.generate(prompt="a cat"))
    refused("streaming", openai.BadRequestError, lambda: client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}], stream=True,
    ))
    set_outage(url, {"status": {"code": 429, "retry_after": "1"}})
    refused("too many requests", openai.RateLimitError, client.models.list)
    set_outage(url, {"status": {"code": 503}})
    refused("out of order", openai.InternalServerError, client.models.list)
    set_outage(url, None)


def set_outage(url, outage):
    request = urllib.request.Request(
        f"{url}/simulator/provider-outage", data=json.dumps(outage).encode(), method="PUT",
        headers={"Content-Type": "application/json"},
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()


def main():
    url, path = sys.argv[1:]
    os.environ["NO_PROXY"] = "*"
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=30)
    check("models: one", [model.object for model in client.models.list()] == ["model"])
    text = transcription(client, pathlib.Path(path).read_bytes())
    understanding(client, text)
    refusals(client, url)


main()
