#!/usr/bin/python3
"""speech_test.py -- the speech service at the house's own door: formats, tasks, articles for the player, the page and the
player in a browser, and what must not end the server: clients that leave, a disk that fills, a killed espeak-ng."""
import hashlib
import http.client
import http.server
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

from browser import Browser
from tap import FETTLE, Skip, case, main, until

TEXT = "The quick brown fox jumps over the lazy dog."


def say(t, text=TEXT, ok=True, path="/v1/speech", **more):
    status, headers, body = t.http("POST", path, json.dumps({"Text": text, **more}))
    assert not ok or status == 200, (status, body)
    return (headers, body) if ok else (status, json.loads(body))


def sox(data, *args):
    """Through a file: into a pipe sox cannot write a WAV's length."""
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["sox", *args[:args.index("-o")], f.name, *args[args.index("-o") + 1:]], input=data, check=True)
        return f.read()


@case
def formats_of_the_house(t):
    t.serve()
    _, pcm = say(t, OutputFormat="pcm", SampleRate="8000")
    headers, wav = say(t, OutputFormat="wav", SampleRate="8000")
    assert headers["Content-Type"] == "audio/wav" and int(headers["Content-Length"]) == len(wav)
    assert headers["x-amzn-RequestCharacters"] == str(len(TEXT))
    raw = ("-D", "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-")
    assert wav == sox(pcm, *raw, "-t", "wav", "-o")
    for name, coding in (("ulaw", "u-law"), ("alaw", "a-law")):
        _, coded = say(t, OutputFormat=name)
        assert coded == sox(pcm, *raw, "-t", "raw", "-e", coding, "-o"), name
    assert say(t, OutputFormat="wav_ulaw")[1] == sox(pcm, *raw, "-t", "wav", "-e", "u-law", "-o")
    assert len(say(t, OutputFormat="pcm", SampleRate="24000")[1]) > 2.9 * len(pcm)
    _, phone = say(t, OutputFormat="pcm", SampleRate="8000", Telephone=True)
    assert len(phone) == len(pcm) and phone != pcm
    assert say(t)[1] == say(t, OutputFormat="mp3", VoiceId="Joanna")[1]  # what is meant when nothing is said
    assert say(t, Style="news", OutputFormat="pcm")[1] != say(t, OutputFormat="pcm")[1]
    assert say(t, "<speak>Hi.</speak>", OutputFormat="pcm")[1] == say(t, "Hi.", OutputFormat="pcm")[1]
    status, headers, linked = t.http("GET", "/v1/speech?" + urllib.parse.urlencode({"Text": TEXT, "OutputFormat": "wav",
                                                                                    "SampleRate": "8000"}))
    assert status == 200 and linked == wav


@case
def what_is_wrong_is_told_with_its_place(t):
    t.serve()
    for more, code, words in [
        ({"Text": "<speak>a\n<audio/></speak>"}, "InvalidSsmlException", "line 2, column 1"),
        ({"Text": "<?xml version='1.0'?><!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><speak>&x;</speak>"},
         "InvalidSsmlException", "document types and entities"),
        ({"Text": "<speak>a\n<voice name='Joana'>b</voice></speak>"}, "InvalidSsmlException", "line 2, column 1"),
        ({"Text": ""}, "ValidationException", "no text to speak"),
        ({"Text": "  \n "}, "ValidationException", "no text to speak"),
        ({"Voice": "Joanna"}, "ValidationException", "is it VoiceId"),
        ({"VoiceId": "joana"}, "ValidationException", "Joanna"),
        ({"Style": "sports"}, "ValidationException", "news"),
        ({"OutputFormat": "flac"}, "ValidationException", "wav"),
        ({"Telephone": "perhaps"}, "ValidationException", "true or false"),
        ({"Text": "x" * 7000}, "TextLengthExceededException", "6000"),
        ({"Text": {"a": 1}}, "SerializationException", "text is expected"),
    ]:
        status, answer = say(t, more.get("Text", TEXT), ok=False, **{k: v for k, v in more.items() if k != "Text"})
        assert status == 400 and answer["error"]["code"] == code, (more, answer)
        assert words in answer["message"] == answer["error"]["message"], (more, answer)
    assert t.http("POST", "/v1/speech", "{")[0] == 400
    assert t.http("POST", "/v1/speech", b'{"Text": "\xff\xfe"}')[0] == 400
    assert t.http("GET", "/v1/speech")[0] == 400
    deep = "<speak>" + "<p>" * 1000 + "x" + "</p>" * 1000 + "</speak>"
    assert say(t, deep, ok=False)[0] == 400
    assert t.http("DELETE", "/v1/lexicons/none")[0] == 404
    assert t.http("GET", "/v1/synthesisTasks/none")[0] == 404
    assert t.http("GET", "/v1/articles/none.mp3")[0] == 404
    assert t.http("GET", "/v1/articles/..%2F..%2Ffettle.db")[0] == 404
    assert len(say(t, OutputFormat="pcm")[1]) > 10000


@case
def what_is_longer_than_ten_minutes_is_cut_off(t):
    t.serve()
    pauses = "<speak>One. " + "<break time='10s'/> Again. " * 70 + "</speak>"
    assert len(say(t, pauses, OutputFormat="pcm", SampleRate="8000")[1]) == 600 * 8000 * 2
    wav = say(t, pauses, OutputFormat="wav", SampleRate="8000")[1]
    assert len(wav) == 44 + 600 * 8000 * 2 and struct.unpack("<I", wav[40:44])[0] == len(wav) - 44
    marks = [json.loads(line) for line in say(t, pauses, OutputFormat="json", SpeechMarkTypes=["word"])[1].splitlines()]
    assert 40 < len(marks) < 70 and 585000 < marks[-1]["time"] < 600000, marks[-1]
    _, body = say(t, pauses, path="/v1/synthesisTasks", OutputFormat="wav", SampleRate="8000")
    task = json.loads(body)["SynthesisTask"]["TaskId"]
    assert task_end(t, task)["TaskStatus"] == "completed"
    assert len(t.http("GET", f"/v1/synthesisTasks/{task}/audio")[2]) > 700 * 8000 * 2


@case
def the_first_bytes_come_while_the_rest_is_spoken(t):
    t.serve()
    say(t)  # the voice is loaded
    c = http.client.HTTPConnection(t.url.split("//")[1], timeout=60)
    text = ("It was the best of times, it was the worst of times. " * 56)[:2950]
    began = time.monotonic()
    c.request("POST", "/v1/speech", json.dumps({"Text": text, "OutputFormat": "pcm"}))
    r = c.getresponse()
    assert r.getheader("Transfer-Encoding") == "chunked"
    r.read(3200)
    first = time.monotonic() - began
    rest = len(r.read())
    whole = time.monotonic() - began
    assert rest > 100 * 32000 and first < whole / 3, (first, whole)


@case
def lexicons_by_curl(t):
    t.serve()
    pls = ('<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" xml:lang="en-US">'
           "<lexeme><grapheme>lazy</grapheme><alias>busy</alias></lexeme></lexicon>")
    assert t.http("PUT", "/v1/lexicons/mine", pls)[0] == 204
    assert json.loads(t.http("GET", "/v1/lexicons/mine")[2])["Lexicon"]["Content"] == pls
    assert say(t, LexiconNames=["mine"], OutputFormat="pcm")[1] == say(t, TEXT.replace("lazy", "busy"), OutputFormat="pcm")[1]
    assert t.http("PUT", "/v1/lexicons/mine", "<lexicon/>")[0] == 400
    assert t.http("DELETE", "/v1/lexicons/mine")[0] == 204


def task_end(t, task, seconds=60):
    def state():
        got = json.loads(t.http("GET", "/v1/synthesisTasks/" + task)[2])["SynthesisTask"]
        return got if got["TaskStatus"] in ("completed", "failed") else None
    return until(state, seconds, "the task")


@case
def long_texts_become_objects(t):
    t.serve()
    text = "A long text is a task. " * 300
    _, body = say(t, text, path="/v1/synthesisTasks", OutputFormat="wav", Telephone=True, SampleRate="8000")
    task = json.loads(body)["SynthesisTask"]
    got = task_end(t, task["TaskId"])
    assert got["TaskStatus"] == "completed" and got["OutputUri"] == f"s3://fettle/speech/tasks/{task['TaskId']}.wav", got
    status, headers, wav = t.http("GET", f"/v1/synthesisTasks/{task['TaskId']}/audio")
    assert status == 200 and headers["Content-Type"] == "audio/wav"
    assert struct.unpack("<I", wav[40:44])[0] == len(wav) - 44 and len(wav) > 200 * 16000  # its header tells the length
    outside_is_told(t, f"/v1/synthesisTasks/{task['TaskId']}/audio", wav)
    folder = os.path.join(t.path, "objects", "fettle", "speech", "tasks")
    with open(os.path.join(folder, task["TaskId"] + ".manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    assert manifest["Speaker"].startswith("flite slt") and manifest["Output"]["bytes"] == len(wav), manifest
    assert abs(manifest["Output"]["seconds"] - (len(wav) - 44) / 16000) < 1, manifest
    assert [x["TaskId"] for x in json.loads(t.http("GET", "/v1/synthesisTasks")[2])["SynthesisTasks"]] == [task["TaskId"]]


def outside_is_told(t, path, sound):
    for asked in (f"bytes={len(sound)}-", f"bytes={len(sound) + 5}-{len(sound) + 9}", "bytes=-0"):
        status, headers, body = t.http("GET", path, headers={"Range": asked})
        assert (status, headers["Content-Range"], body) == (416, f"bytes */{len(sound)}", b""), (asked, status, body[:100])
        assert "immutable" not in (headers["Cache-Control"] or ""), headers
    status, headers, body = t.http("GET", path, headers={"Range": f"bytes={len(sound) - 1}-"})
    assert (status, body) == (206, sound[-1:]) and headers["Accept-Ranges"] == "bytes", status


@case
def articles_are_kept_by_their_content(t):
    t.serve()
    text = "An article of some sentences. It is spoken once. " * 20
    status, headers, body = t.http("POST", "/v1/articles", json.dumps({"Text": text, "Style": "news"}))
    first = json.loads(body)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "*" and not first["Kept"], (headers, first)
    got = {}

    def listen(i):
        got[i] = t.http("GET", first["Audio"])
    crowd = [threading.Thread(target=listen, args=(i,)) for i in range(3)]
    for x in crowd:
        x.start()
    for x in crowd:
        x.join(60)
    assert {x[0] for x in got.values()} == {200} and len({x[2] for x in got.values()}) == 1
    sound = got[0][2]
    assert got[0][1]["Access-Control-Allow-Origin"] == "*" and len(sound) > 100000, len(sound)
    second = until(lambda: [a for a in [json.loads(t.http("POST", "/v1/articles", json.dumps(
        {"Text": text, "Style": "news"}))[2])] if a["Kept"]], what="the article is kept")[0]
    assert second["Audio"] == first["Audio"]
    status, headers, body = t.http("GET", first["Audio"])
    assert status == 200 and body == sound and "immutable" in headers["Cache-Control"], headers
    etag = headers["ETag"]
    assert t.http("GET", first["Audio"], headers={"If-None-Match": etag})[0] == 304
    for asked, want in (("bytes=100-199", sound[100:200]), ("bytes=-50", sound[-50:]), (f"bytes={len(sound) - 9}-", sound[-9:])):
        status, headers, body = t.http("GET", first["Audio"], headers={"Range": asked})
        assert status == 206 and body == want, (asked, status, len(body))
    assert t.http("GET", first["Audio"], headers={"Range": "bytes=x"})[2] == sound
    outside_is_told(t, first["Audio"], sound)
    for of, want in ((etag, 206), ('"another"', 200)):
        assert t.http("GET", first["Audio"], headers={"Range": "bytes=5-9", "If-Range": of})[0] == want, of
    other = json.loads(t.http("POST", "/v1/articles", json.dumps({"Text": text}))[2])
    assert other["Audio"] != first["Audio"]
    status, headers, _ = t.http("OPTIONS", "/v1/articles")
    assert status == 204 and headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in t.http("GET", "/v1/voices")[1]


@case
def an_article_is_kept_though_its_first_reader_leaves(t):
    t.serve()
    text = "Nobody waits for the end of this long article. " * 100
    address = json.loads(t.http("POST", "/v1/articles", json.dumps({"Text": text}))[2])["Audio"]
    leave(t, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % address.encode())
    until(lambda: json.loads(t.http("POST", "/v1/articles", json.dumps({"Text": text}))[2])["Kept"], 60, "it is kept")
    assert len(t.http("GET", address)[2]) > 500000


def leave(t, request):
    """Read the first of the answer, then go."""
    host, port = t.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += s.recv(1000)
        assert b" 200 " in got.split(b"\r\n")[0], got
        s.recv(1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@case
def a_client_that_leaves_ends_its_speech(t):
    t.serve()
    text = "<speak>" + "It was a bright cold day in April. <break time='10s'/>" * 80 + "</speak>"
    body = json.dumps({"Text": text, "OutputFormat": "pcm", "SampleRate": "24000"}).encode()
    began = time.monotonic()
    leave(t, b"POST /v1/speech HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    rows = until(lambda: t.sql("select outcome, bytes from speech"), 40, "its record")
    assert rows[0]["outcome"] == "left" and rows[0]["bytes"] < 30e6, (rows, time.monotonic() - began)


@case
def every_synthesis_leaves_a_record(t):
    t.serve()
    _, sound = say(t, OutputFormat="wav", VoiceId="Matthew", Style="news")
    say(t, OutputFormat="json", SpeechMarkTypes=["word"])
    rows = until(lambda: [r for r in [t.sql("select * from speech order by time_us")] if len(r) == 2], what="two records")[0]
    first = rows[0]
    assert (first["voice"], first["door"], first["style"], first["outcome"]) == ("Matthew", "api", "news", "spoken"), first
    assert first["sound_sha256"] == hashlib.sha256(sound).hexdigest() and first["bytes"] == len(sound), first
    assert first["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest() and first["chars"] == len(TEXT), first
    assert abs(first["seconds"] - (len(sound) - 44) / 32000) < 0.2 and 0 < first["first_ms"] <= first["took_ms"], first
    assert rows[1]["voice"] == "Joanna" and rows[1]["format"] == "json", rows[1]


@case
def a_disk_that_fills_ends_the_task_alone(t):
    """As a limit of the size of files, which a test may set without a disk of its own."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
    p = subprocess.Popen([FETTLE, "serve", "--port", "0"], env=t.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         preexec_fn=limit)
    t.servers.append(p)
    t.url = p.stdout.readline().split()[-1]
    _, body = say(t, "A long text for a small disk. " * 200, path="/v1/synthesisTasks", OutputFormat="pcm")
    task = json.loads(body)["SynthesisTask"]["TaskId"]
    got = task_end(t, task)
    assert got["TaskStatus"] == "failed" and got["TaskStatusReason"], got
    folder = os.path.join(t.path, "objects", "fettle", "speech", "tasks")
    assert not os.path.exists(folder) or os.listdir(folder) == [], os.listdir(folder)
    assert [f for f in os.listdir(t.path) if f.startswith(".speech")] == []
    assert t.http("GET", f"/v1/synthesisTasks/{task}/audio")[0] == 409
    # who listens to an article hears it to its end, though it cannot be kept
    article = json.dumps({"Text": "A long text for a small disk. " * 1000})
    address = json.loads(t.http("POST", "/v1/articles", article)[2])["Audio"]
    assert len(t.http("GET", address)[2]) > 5 << 20
    assert not json.loads(t.http("POST", "/v1/articles", article)[2])["Kept"]
    _, body = say(t, "A short one.", path="/v1/synthesisTasks", OutputFormat="pcm")
    assert task_end(t, json.loads(body)["SynthesisTask"]["TaskId"])["TaskStatus"] == "completed"
    assert len(say(t, OutputFormat="pcm")[1]) > 10000


def children(pid):
    out = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                if name.isdigit() and int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    out.append(int(name))
        except OSError:
            pass
    return out


@case
def a_killed_espeak_speaks_again(t):
    server = t.serve()
    text = "Buenas tardes. El puente se abre hoy. " * 40
    status, answer = t.http("POST", "/v1/speech", json.dumps({"Text": text, "VoiceId": "Lupe", "OutputFormat": "pcm"}))[::2]
    if status == 501:
        raise Skip(answer.decode())
    assert status == 200 and len(answer) > 1000000, (status, answer[:200])
    kids = children(server.pid)
    assert kids, "espeak-ng speaks in a process of its own"
    for kid in kids:  # it holds no port or file of ours
        assert sorted(os.listdir(f"/proc/{kid}/fd")) == ["0", "1", "2"], os.listdir(f"/proc/{kid}/fd")
    end = threading.Event()

    def kill():
        for wait in (0.1, 1.5):  # in mid-sentence, mostly; not so often that no sentence could end
            end.wait(wait)
            for pid in children(server.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
    killer = threading.Thread(target=kill)
    killer.start()
    again = t.http("POST", "/v1/speech", json.dumps({"Text": text, "VoiceId": "Lupe", "OutputFormat": "pcm"}))
    end.set()
    killer.join()
    assert again[0] == 200 and abs(len(again[2]) / len(answer) - 1) < 0.01, (again[0], len(again[2]), len(answer))
    assert t.http("GET", "/ping")[0] == 200


# ---- in a browser

@case
def the_page_speaks_and_shows(t):
    t.serve()
    with Browser() as b:
        b.open(t.url + "/speech")
        b.until("document.querySelectorAll('#voice option').length > 2")
        assert b.run("document.getElementById('speaker').textContent") == \
            "Joanna is flite slt (US English, female, 16 kHz)."
        b.run("""document.getElementById('text').value = '<speak>Hello there. <mark name="here"/>All is well.</speak>'""")
        b.run("document.getElementById('speak').click()")
        b.until("document.querySelectorAll('#words span').length === 5", 40)
        assert b.run("[...document.querySelectorAll('#words span')].map(e => e.textContent).join(' ')") == \
            "Hello there All is well"
        assert b.run("document.querySelector('#words b').textContent") == "here"
        drawn = b.run("""(() => { const c = document.getElementById('wave'), d = c.getContext('2d')
            .getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0;
            return n / (c.width * c.height); })()""")
        assert 0.02 < drawn < 0.9, drawn
        b.until("document.getElementById('audio').duration > 1")
        length = b.run("document.getElementById('audio').duration")
        assert 1 < length < 6, length
        b.run("document.getElementById('audio').play()")
        b.until("document.getElementById('audio').currentTime > 0.2")
        assert f"{length:.1f} s" in b.run("document.getElementById('facts').textContent")
        b.run("document.getElementById('format').value = 'mp3', document.getElementById('download').click()")
        b.until("/^Downloaded, [0-9,]+ bytes$/.test(document.getElementById('state-text').textContent)")
        b.run("document.getElementById('text').value = '<speak>a <audio/></speak>', document.getElementById('speak').click()")
        b.until("!document.getElementById('problem').hidden")
        assert "column 10" in b.run("document.getElementById('problem').textContent")
        b.run("document.getElementById('text').value = 'Too long for one breath. '.repeat(200),"
              "document.getElementById('speak').click()")
        b.until("document.querySelector('#problem button')")
        b.run("document.querySelector('#problem button').click()")
        b.until("document.querySelector('#tasks .good')", 60)
        assert b.run("fetch(document.querySelector('#tasks a').href).then(r => r.headers.get('Content-Type'))") == "audio/mpeg"
        wrong = [c for c in b.complaints() if "400" not in c]  # the two that were meant
        assert wrong == [], wrong


def value(b, name, what):
    b.run(f"document.getElementById('{name}').value = {json.dumps(what)},"
          f"document.getElementById('{name}').dispatchEvent(new Event('change', {{bubbles: true}}))")


@case
def every_control_of_the_page_does_what_it_says(t):
    t.serve()
    text = "Read this, please. It is short."
    with Browser(width=420, height=900) as b:
        b.open(t.url + "/speech?text=" + urllib.parse.quote(text))
        b.until("document.querySelectorAll('#voice option').length > 2")
        assert b.run("document.getElementById('text').value") == text
        b.run("window.asked = []; const real = fetch; window.fetch = (path, more) => { if (more?.body) asked.push(JSON.parse(more.body));"
              "return real(path, more); }")
        state = "document.getElementById('state-text').textContent"

        def speak(how="document.getElementById('speak').click()"):
            b.run("asked.length = 0, " + how)
            b.until(f"{state} === 'Spoken'", 40)
            return {k: v for k, v in b.run("asked[0]").items() if k not in ("OutputFormat", "SampleRate")}
        value(b, "voice", "Kendra")
        assert b.run("document.querySelector('#style [value=news]').disabled")  # she reads no news
        value(b, "voice", "Matthew")
        assert not b.run("document.querySelector('#style [value=news]').disabled")
        value(b, "style", "news")
        assert speak() == {"Text": text, "TextType": "auto", "VoiceId": "Matthew", "Style": "news"}
        assert b.run("document.getElementById('facts').textContent").endswith(" ms")
        b.run("document.getElementById('telephone').click()")
        value(b, "type", "text")
        keys = "document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true}))"
        assert speak(keys) == {"Text": text, "TextType": "text", "VoiceId": "Matthew", "Style": "news", "Telephone": True}
        # playing, pausing, seeking by click and by keys
        audio = "document.getElementById('audio')"
        b.until(f"{audio}.currentTime > 0.1")
        b.run("document.getElementById('play').click()")
        b.until(f"{audio}.paused && document.getElementById('play').textContent === 'Play'")
        b.run("""(() => { const r = document.getElementById('track').getBoundingClientRect();
            document.getElementById('strip').dispatchEvent(new MouseEvent('click', {clientX: r.left + 140, clientY: r.top + 20})); })()""")
        assert abs(b.run(f"{audio}.currentTime") - 1) < 0.25, b.run(f"{audio}.currentTime")
        press = "document.getElementById('strip').dispatchEvent(new KeyboardEvent('keydown', {key: '%s', cancelable: true}))"
        for key, want in (("Home", 0), ("ArrowRight", 0.5), ("ArrowRight", 1), ("ArrowLeft", 0.5)):
            b.run(press % key)
            assert abs(b.run(f"{audio}.currentTime") - want) < 0.02, key
        b.run(press % "End")
        b.until(f"{audio}.currentTime > {audio}.duration - 0.05")
        # every format, as the API gives it
        asked = {"VoiceId": "Matthew", "Style": "news", "Telephone": True, "TextType": "text"}
        formats = b.run("[...document.querySelectorAll('#format option')].map(o => o.value)")
        assert len(formats) == 9, formats
        for name in formats:
            for rate in ("", "8000") if name in ("wav", "mp3") else ("",):
                value(b, "format", name)
                value(b, "rate", rate)
                b.run("asked.length = 0, document.getElementById('download').click()")
                b.until(f"{state}.startsWith('Downloaded') && asked.length && !document.getElementById('download').disabled")
                more = {"SampleRate": rate} if rate else {}
                if name == "json":
                    more = {"SpeechMarkTypes": ["sentence", "word", "viseme"]}
                size = len(say(t, text, OutputFormat=name, **more, **asked)[1])
                assert b.run(state) == f"Downloaded, {size:,} bytes", (name, rate, b.run(state), size)
        # what is refused leaves no sound of before, and no light that says that all is well
        for bad, words in (("   ", "no text to speak"), ("a\x01b", "control characters")):
            value(b, "text", bad)
            b.run("document.getElementById('speak').click()")
            b.until(f"{state} === 'Not spoken'", 60)
            assert words in b.run("document.getElementById('problem').textContent")
            assert b.run("document.getElementById('sound').hidden") and b.run("document.getElementById('state').className") == ""
            assert b.run("document.getElementById('words').children.length") == 0 and not b.run(f"{audio}.hasAttribute('src')")
        value(b, "text", text)
        speak()
        assert b.run("document.getElementById('problem').hidden") and not b.run("document.getElementById('sound').hidden")
        assert b.run("document.documentElement.scrollWidth") <= 420
        assert [c for c in b.complaints() if "400" not in c] == [], b.complaints()
        t.servers.pop().kill()
        b.run("document.getElementById('speak').click()")
        b.until("document.getElementById('state').className === 'down'")
        assert "does not answer" in b.run("document.getElementById('problem').textContent")


ARTICLE = """<!doctype html><html><head><meta charset="utf-8"><title>News</title></head><body><h1>The Daily</h1>
<article><h2>A bridge opens</h2><p>The harbour bridge opened <em>this</em> morning.</p><script>var x = "never said";</script>
<aside>Buy now!</aside><p>It carries many cars &amp; people<sup><a href="#n">[1]</a></sup>.</p><pre><code>x = 1</code></pre></article>
<script src="{url}/player.js" data-selector="article" data-voice="Matthew" data-style="news" data-label="Hear it"></script>
<script src="{url}/player.js" data-text="Just these words."></script></body></html>"""


class Site:
    """Somebody else's page: another origin."""

    def __init__(self, html):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(html.encode() if self.path == "/" else b"")

            def log_message(self, *args):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()


@case
def the_player_turns_an_article_into_sound(t):
    t.serve()
    site = Site(ARTICLE.format(url=t.url))
    with Browser(width=700, height=500) as b:
        b.open(site.url)
        b.until("document.querySelectorAll('fettle-player').length === 2")
        assert b.run("document.querySelector('fettle-player').nextElementSibling.tagName") == "ARTICLE"
        assert b.run("document.querySelector('fettle-player').shadowRoot.querySelector('.label').textContent") == "Hear it"
        b.run("window.players = [...document.querySelectorAll('fettle-player')].map(p => p.shadowRoot)")
        for i in range(2):
            b.run(f"players[{i}].querySelector('button').click()")
            b.until(f"players[{i}].querySelector('audio').currentTime > 0.3", 60)
            b.run(f"players[{i}].querySelector('button').click()")
            b.until(f"players[{i}].querySelector('audio').paused")
        assert b.complaints() == [], b.complaints()
    rows = until(lambda: [r for r in [t.sql("select voice, door, style, id, text_sha256 from speech order by time_us")]
                          if len(r) == 2], what="two records")[0]
    assert {(r["voice"], r["door"]) for r in rows} == {("Matthew", "article"), ("Joanna", "article")}, rows
    article = [r for r in rows if r["voice"] == "Matthew"][0]
    with open(os.path.join(t.path, "objects", "fettle", "speech", "articles", article["id"] + ".txt"), encoding="utf-8") as f:
        assert f.read() == "A bridge opens\n\nThe harbour bridge opened this morning.\n\nIt carries many cars & people."
    with Browser(width=700, height=500) as b:  # the next reader hears what is kept
        b.open(site.url)
        b.until("document.querySelector('fettle-player')")
        b.run("document.querySelector('fettle-player').shadowRoot.querySelector('button').click()")
        b.until("document.querySelector('fettle-player').shadowRoot.querySelector('audio').currentTime > 0.2", 60)
        assert 2 < b.run("document.querySelector('fettle-player').shadowRoot.querySelector('audio').duration") < 15
        t.servers.pop().kill()
        b.run("document.querySelectorAll('fettle-player')[1].shadowRoot.querySelector('button').click()")
        b.until("document.querySelectorAll('fettle-player')[1].dataset.error")
        assert "does not answer" in b.run("document.querySelectorAll('fettle-player')[1].dataset.error")
    assert len(t.sql("select id from speech")) == 2


if __name__ == "__main__":
    main()
