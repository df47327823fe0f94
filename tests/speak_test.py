#!/usr/bin/python3
"""speak_test.py -- text into sound by the command line: formats, marks, tables of prompts, conversions; files that appear
whole or not at all; what the two posts' programs promise."""
import json
import os
import resource
import shutil
import subprocess
import wave

from tap import FETTLE, Skip, case, main

TEXT = "Welcome to Fettle. Press one, or hold the line."


def voices(t):
    if t.run("speak", "--out", t.path + "/probe.pcm", "A.", ok=False).returncode == 69:
        raise Skip("no libflite1")


def length(path):
    """Seconds, as sox or ffprobe decodes it."""
    if shutil.which("sox"):
        out = subprocess.run(["sox", "-V0", path, "-n", "stat"], capture_output=True, text=True, check=True).stderr
        return float(next(l for l in out.splitlines() if l.startswith("Length")).split(":")[1])
    raise Skip("no sox")


@case
def every_format_holds_the_same_seconds(t):
    voices(t)
    told = t.json("speak", "--out", t.path + "/a.wav", TEXT)["done"]
    seconds = float(told.split(": ")[1].split()[0])
    for name in ("a.wav", "a.mp3", "a.ogg", "a.ulaw.wav", "a.alaw.wav"):
        for rate in ("8000", "24000"):
            path = f"{t.path}/{name}"
            t.run("speak", "--rate", rate, "--out", path, TEXT)
            assert abs(length(path) - seconds) < (0.25 if name.endswith("mp3") else 0.01), (name, rate, length(path), seconds)
    for name, rate, size in (("a.pcm", 16000, 2), ("a.ulaw", 8000, 1), ("a.alaw", 8000, 1)):
        t.run("speak", "--out", f"{t.path}/{name}", TEXT)
        assert abs(os.path.getsize(f"{t.path}/{name}") / size / rate - seconds) < 0.001, name


@case
def a_text_a_file_and_what_comes_in_are_the_same(t):
    voices(t)
    with open(t.path + "/text", "w", encoding="utf-8") as f:
        f.write(TEXT)
    sounds = []
    for words in ((TEXT,), (t.path + "/text",), ("-",)):
        t.run("speak", "--out", t.path + "/x.pcm", *words, stdin=TEXT if words == ("-",) else None)
        with open(t.path + "/x.pcm", "rb") as f:
            sounds.append(f.read())
    out = subprocess.run([FETTLE, "speak", "--format", "pcm", TEXT], env=t.env, capture_output=True, check=True).stdout
    assert sounds[0] == sounds[1] == sounds[2] == out and len(out) > 64000, [len(s) for s in sounds]


@case
def a_file_behind_standard_output_is_written_to(t):
    """… and the name /dev/stdout stays what it is."""
    voices(t)
    for args in (("--out", "-"), ("--out", "/dev/stdout", "--format", "wav"), ("--format", "wav")):
        with open(t.path + "/o.wav", "wb") as f:
            subprocess.run([FETTLE, "speak", *args, TEXT], env=t.env, stdout=f, check=True)
        t.run("speak", "--out", t.path + "/named.wav", TEXT)
        with open(t.path + "/o.wav", "rb") as a, open(t.path + "/named.wav", "rb") as b:
            assert a.read() == b.read() or args == ("--out", "-"), args
        assert length(t.path + "/o.wav") > 2, args
    with open(t.path + "/marks", "ab") as f:
        for _ in range(2):
            subprocess.run([FETTLE, "speak", "--marks", "word", "hi there"], env=t.env, stdout=f, check=True)
    with open(t.path + "/marks", "rb") as f:
        assert len(f.read().splitlines()) == 4
    assert os.path.islink("/dev/stdout") or not os.path.isfile("/dev/stdout")


@case
def marks_name_bytes_of_the_text(t):
    voices(t)
    text = "Café prices rose. <b> & so on."
    marks = [json.loads(l) for l in t.run("speak", "--text", "--marks", "sentence,word,viseme", text).stdout.splitlines()]
    words = [m for m in marks if m["type"] == "word"]
    raw = text.encode()
    assert words[0]["value"] == "Café" and words[0]["end"] == 5, words[0]
    for m in words + [m for m in marks if m["type"] == "sentence"]:
        assert raw[m["start"]:m["end"]].decode() == m["value"], m
    assert [m["time"] for m in marks] == sorted(m["time"] for m in marks)
    t.run("speak", "--out", t.path + "/b.wav", "--marks", "word", "Hello.")
    with open(t.path + "/b.wav.marks.json", encoding="utf-8") as f:
        assert json.loads(f.readline())["value"] == "Hello"


@case
def what_is_wrong_is_told_with_its_place(t):
    for words, code, why in (
            (["--out", "x.wav", "--voice", "Joana", "A."], 66, "is it Joanna?"),
            (["--out", "x.wav", "--ssml", "<speak>\n<prosody rate='-400%'>A</prosody></speak>"], 65, "line 2, column"),
            (["--out", "x.wav", "--ssml", "<speak><audio src='x'/></speak>"], 65, "audio"),
            (["--out", "x.wav", "--rate", "11025", "A."], 64, "11025"),
            (["--out", "x.doc", "A."], 64, "no format by that ending"),
            (["--out", "x.wav", "--lexicon", "no.pls", "A."], 66, "no.pls"),
            (["--out", "/no/such/folder/x.wav", "A."], 66, "/no/such/folder"),
            (["--out", "x.wav", "--ssml", "--text", "A."], 64, "one of them"),
            (["--out", "x.wav", ""], 64, "no text")):
        p = t.run("speak", *[w.replace("x.", t.path + "/x.", 1) if w.startswith("x.") else w for w in words], ok=False)
        assert p.returncode == code and why in p.stderr, (words, p.returncode, p.stderr)
    assert not [n for n in os.listdir(t.path) if n.startswith(("x.", ".ft-"))], os.listdir(t.path)


@case
def a_full_disk_leaves_what_was_there(t):
    voices(t)
    path = t.path + "/kept.wav"
    t.run("speak", "--out", path, "One.")
    with open(path, "rb") as f:
        kept = f.read()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
    p = subprocess.run([FETTLE, "speak", "--out", path, TEXT], env=t.env, capture_output=True, text=True, preexec_fn=limit,
                       check=False)
    assert p.returncode in (74, 75) and p.stderr, (p.returncode, p.stderr)
    with open(path, "rb") as f:
        assert f.read() == kept
    assert not [n for n in os.listdir(t.path) if n.startswith(".ft-")], os.listdir(t.path)
    p = t.run("speak", "--format", "wav", "--out", "/dev/full", "One.", ok=False)
    assert p.returncode == 74 or "No space" in p.stderr, p.stderr


@case
def prompts_are_built_where_they_changed(t):
    voices(t)
    table, out = t.path + "/menu.csv", t.path + "/menu"
    with open(table, "w", encoding="utf-8") as f:
        f.write('id,text\nwelcome,"Welcome, friend."\nbye,<speak>Good bye.</speak>\n')
    first = t.run("prompts", "build", table, "--out", out, "--format", "wav_ulaw", "--telephone")
    assert first.stdout.startswith("2 built"), first.stdout
    with open(table, "a", encoding="utf-8") as f:
        f.write("more,One more.\n")
    again = t.run("prompts", "build", table, "--out", out, "--format", "wav_ulaw", "--telephone")
    assert again.stdout.startswith("1 built") and "2 kept" in again.stdout, again.stdout
    assert sorted(os.listdir(out)) == ["bye.ulaw.wav", "index.html", "more.ulaw.wav", "prompts.json", "welcome.ulaw.wav"]
    p = t.run("prompts", "build", table, "--out", out, "--voice", "Nobody", ok=False)
    assert p.returncode == 66 and "menu.csv:2: prompt 'welcome'" in p.stderr, p.stderr


@case
def the_ivr_post_gets_its_wav(t):
    """Text and SSML to PCM by the service's defaults, then PCM to WAV: the bytes that Python's wave writes."""
    voices(t)
    for name, text in (("text", TEXT), ("ssml", f"<speak>{TEXT}</speak>")):
        pcm, path, want = (f"{t.path}/{name}.{e}" for e in ("pcm", "wav", "want.wav"))
        t.run("speak", "--engine", "standard", "--out", pcm, text)
        t.run("convert", pcm, path)
        with open(pcm, "rb") as f, wave.open(want, "wb") as w:
            w.setnchannels(1), w.setsampwidth(2), w.setframerate(16000)
            w.writeframes(f.read())
        with open(path, "rb") as a, open(want, "rb") as b:
            assert a.read() == b.read(), name
    p = t.run("convert", t.path + "/text.pcm", t.path + "/x.xyz", ok=False)
    assert p.returncode == 64 and "no format" in p.stderr, p.stderr
    with open(t.path + "/no.wav", "wb") as f:
        f.write(b"OggS not a wav")
    p = t.run("convert", t.path + "/no.wav", t.path + "/y.wav", ok=False)
    assert p.returncode == 65 and "byte 0" in p.stderr and not os.path.exists(t.path + "/y.wav"), p.stderr


@case
def what_is_compressed_is_not_taken_for_samples(t):
    voices(t)
    for name in ("a.mp3", "a.ogg"):
        t.run("speak", "--out", f"{t.path}/{name}", TEXT)
        told = t.run("convert", f"{t.path}/{name}", t.path + "/x.wav", ok=False)
        assert told.returncode == 65 and "a compressed file" in told.stderr, told
        assert not os.path.exists(t.path + "/x.wav")
    with wave.open(t.path + "/slow.wav", "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(1234), w.writeframes(b"\1\0" * 500)
    t.run("convert", t.path + "/slow.wav", t.path + "/copy.wav")
    with open(t.path + "/slow.wav", "rb") as a, open(t.path + "/copy.wav", "rb") as b:
        assert a.read() == b.read()


@case
def the_news_post_gets_its_mp3(t):
    """Its listing leaves a > behind the text, and its user's text may not hold an ampersand."""
    voices(t)
    ssml = '<speak><amazon:domain name="news">{}></amazon:domain></speak>'
    for voice in ("Joanna", "Matthew"):
        t.run("speak", "--engine", "neural", "--voice", voice, "--rate", "24000", "--out", t.path + "/n.mp3", ssml.format(TEXT))
        assert length(t.path + "/n.mp3") > 2
    p = t.run("speak", "--engine", "neural", "--out", t.path + "/m.mp3", ssml.format("Salt & pepper"), ok=False)
    assert p.returncode == 65 and "line 1, column" in p.stderr, p.stderr
    p = t.run("speak", "--engine", "standard", "--out", t.path + "/m.mp3", ssml.format(TEXT), ok=False)
    assert p.returncode == 65 and "amazon:domain" in p.stderr, p.stderr


@case
def spanish_is_spoken_by_a_process_of_its_own(t):
    p = t.run("speak", "--voice", "Lupe", "--style", "news", "--out", t.path + "/s.wav", "Buenos días. Son las tres.", ok=False)
    if p.returncode == 69:
        raise Skip("no libespeak-ng1 or espeak-ng-data")
    assert p.returncode == 0 and 1.5 < length(t.path + "/s.wav") < 5, (p.stderr, length(t.path + "/s.wav"))


main()
