#!/usr/bin/python3
"""aws_polly_test.py -- Polly by boto3 and the AWS CLI: every operation with right and wrong arguments, its limits, links,
tasks into S3 with a topic told, and the two posts' programs as their readers would type them."""
import contextlib
import http.server
import io
import itertools
import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request
import wave

from aws_home import Aws, error_of, failure_of
from tap import case, main, until

PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="{alphabet}" xml:lang="{lang}">
<lexeme><grapheme>{word}</grapheme><alias>{alias}</alias></lexeme></lexicon>"""
YOUNGER = {"Ruth", "Stephen"}  # voices that this botocore's model does not know yet


class Sink:
    """Receives what a topic tells."""

    def __init__(self):
        self.got = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                sink.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        until(lambda: len(self.got) >= count, what=f"message {count}")
        return json.loads(self.got[count - 1])


def pls(word="W3C", alias="World Wide Web Consortium", lang="en-US", alphabet="ipa"):
    return PLS.format(word=word, alias=alias, lang=lang, alphabet=alphabet)


def spoken(polly, text, **more):
    more = {"VoiceId": "Joanna", "OutputFormat": "pcm", **more}
    return polly.synthesize_speech(Text=text, **more)["AudioStream"].read()


def seconds_of(data, name):
    """By another reader."""
    p = subprocess.run(["soxi", "-D", "-t", name, "-"], input=data, capture_output=True, check=False)
    if p.returncode or not p.stdout.strip().strip(b"0."):  # the length of a pipe is not known to every format
        p = subprocess.run(["sox", "-t", name, "-", "-n", "stat"], input=data, capture_output=True, check=True)
        return float(re.search(rb"Length \(seconds\):\s+([0-9.]+)", p.stderr).group(1))
    return float(p.stdout)


@case
def every_format_is_what_it_says(t):
    polly = Aws(t).client("polly")
    text = "The quick brown fox jumps over the lazy dog."
    pcm = polly.synthesize_speech(Text=text, VoiceId="Joanna", OutputFormat="pcm")
    assert pcm["ContentType"] == "audio/pcm" and pcm["RequestCharacters"] == len(text), pcm
    sound = pcm["AudioStream"].read()
    length = len(sound) / 2 / 16000
    assert len(sound) % 2 == 0 and 1.5 < length < 6, length
    assert abs(len(spoken(polly, text, SampleRate="8000")) / 2 / 8000 - length) < 0.05
    for name, kind, sox in (("mp3", "audio/mpeg", "mp3"), ("ogg_vorbis", "audio/ogg", "ogg")):
        for rate in (None, "8000", "16000", "22050", "24000"):
            more = {"SampleRate": rate} if rate else {}
            got = polly.synthesize_speech(Text=text, VoiceId="Joanna", OutputFormat=name, **more)
            assert got["ContentType"] == kind, got["ContentType"]
            assert abs(seconds_of(got["AudioStream"].read(), sox) - length) < 0.25, (name, rate)
    marks = polly.synthesize_speech(Text=text, VoiceId="Joanna", OutputFormat="json",
                                    SpeechMarkTypes=["word", "sentence", "viseme"])
    assert marks["ContentType"] == "application/x-json-stream", marks["ContentType"]
    lines = [json.loads(x) for x in marks["AudioStream"].read().decode().splitlines()]
    words = [x for x in lines if x["type"] == "word"]
    assert [x["value"] for x in words] == text.rstrip(".").split(), words
    assert all(text.encode()[x["start"]:x["end"]].decode() == x["value"] for x in words), words
    assert [x["time"] for x in lines] == sorted(x["time"] for x in lines)
    assert lines[-1]["time"] < length * 1000 + 100, (lines[-1], length)


RATES = {"mp3": "8000 16000 22050 24000", "ogg_vorbis": "8000 16000 22050 24000", "pcm": "8000 16000", "mulaw": "8000",
         "alaw": "8000", "json": "8000 16000 22050 24000"}
KINDS = {"mp3": "audio/mpeg", "ogg_vorbis": "audio/ogg", "pcm": "audio/pcm", "mulaw": "audio/mulaw", "alaw": "audio/alaw",
         "json": "application/x-json-stream"}
MARKS = ([], ["word"], ["sentence", "word", "viseme"], ["ssml"], ["sentence", "ssml", "viseme", "word"])


def expected(voice, engine, form, rate, kind, marks):
    """What Polly says to it: the name of the exception, or None."""
    engines = {"Joanna": ("standard", "neural"), "Ruth": ("neural",), "Penelope": ("standard",)}[voice]
    if engine in ("long-form", "generative"):
        return {"EngineNotSupportedException"}
    wrong = set()
    if (engine or "standard") not in engines:
        wrong.add("EngineNotSupportedException")
    if rate and rate not in RATES[form].split():
        wrong.add("InvalidSampleRateException")
    if form == "json" and not marks:
        wrong.add("ValidationException")
    if form != "json" and marks:
        wrong.add("MarksNotSupportedForFormatException")
    if "ssml" in marks and kind != "ssml":
        wrong.add("SsmlMarksNotSupportedForTextTypeException")
    return wrong


@case
def every_combination_of_members_is_spoken_or_refused(t):
    """3 voices x 5 engines x 6 formats x 7 rates x 3 types x 5 sets of marks: the right exception's class, or the right length."""
    polly = Aws(t).client("polly", checked=False)  # formats and engines that this botocore does not know yet
    texts = {None: "One, two.", "text": "One, two.", "ssml": "<speak>One, <mark name='m'/>two.</speak>"}
    count, seconds = {"spoken": 0, "refused": 0}, {}
    for voice, engine, form, rate, kind, marks in itertools.product(
            ("Joanna", "Ruth", "Penelope"), (None, "standard", "neural", "long-form", "generative"), RATES,
            (None, "8000", "16000", "22050", "24000", "44100", "x"), texts, MARKS):
        ask = {"VoiceId": voice, "Engine": engine, "OutputFormat": form, "SampleRate": rate, "TextType": kind,
               "SpeechMarkTypes": marks, "Text": texts[kind]}
        wrong = expected(voice, engine, form, rate, kind, marks)
        try:
            got = polly.synthesize_speech(**{k: v for k, v in ask.items() if v})
        except polly.exceptions.ClientError as e:
            told = e.response["Error"]["Code"]
            assert told in wrong and type(e).__name__ in (told, "ClientError") and e.response["Error"]["Message"], (ask, e, wrong)
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 400, e.response
            count["refused"] += 1
            continue
        data = got["AudioStream"].read()
        assert not wrong and got["ContentType"] == KINDS[form] and got["RequestCharacters"] == 9, (ask, wrong, got)
        count["spoken"] += 1
        if form == "json":
            lines = [json.loads(line) for line in data.splitlines()]
            assert {x["type"] for x in lines} == set(marks), (ask, lines)
            seconds.setdefault((voice, kind == "ssml", tuple(marks)), data)
            assert seconds[voice, kind == "ssml", tuple(marks)] == data, ask  # marks know no rate
        elif form in ("pcm", "mulaw", "alaw"):
            width, hz = (2, int(rate or 16000)) if form == "pcm" else (1, 8000)
            length = seconds.setdefault((voice, kind == "ssml"), len(data) / width / hz)
            assert 0.5 < length < 2 and abs(len(data) / width / hz - length) < 0.0002, (ask, len(data) / width / hz, length)
    assert count["spoken"] > 500 and count["refused"] > 5000, count


@case
def a_neural_voice_of_ones_own_speaks_to_every_client(t):
    """A small network of noise (tests/tiny_voice.py), added while the server runs: Polly's clients, the house's door, prompts."""
    voice = os.path.join(t.path, "tiny.onnx")
    subprocess.run(["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny_voice.py"), voice, "text"],
                   check=True)
    aws = Aws(t)
    polly = aws.client("polly", checked=False)  # names that botocore does not know
    t.run("voices", "add", "Tiny", voice, "--sex", "female")
    told = {v["Id"]: v for v in polly.describe_voices(Engine="neural")["Voices"]}
    assert told["Tiny"]["SupportedEngines"] == ["neural"] and told["Tiny"]["Gender"] == "Female", told["Tiny"]
    assert "Tiny" not in {v["Id"] for v in polly.describe_voices(Engine="standard")["Voices"]}
    text = "One small voice. Another sentence."
    sound = spoken(polly, text, VoiceId="Tiny", Engine="neural")
    assert len(sound) > 8000 and sound == spoken(polly, text, VoiceId="Tiny", Engine="neural")
    marks = polly.synthesize_speech(Text=text, VoiceId="Tiny", Engine="neural", OutputFormat="json", SpeechMarkTypes=["word"])
    words = [json.loads(x) for x in marks["AudioStream"].read().decode().splitlines()]
    assert [w["value"] for w in words] == ["One", "small", "voice", "Another", "sentence"], words
    assert 0 <= words[0]["time"] < words[-1]["time"] < len(sound) / 2 / 16, words
    status, _, body = t.http("POST", "/v1/speech", json.dumps({"Text": text, "VoiceId": "Tiny", "OutputFormat": "pcm"}))
    assert status == 200 and body == sound, (status, len(body), len(sound))
    own = {v["Id"]: v for v in json.loads(t.http("GET", "/v1/voices")[2])["Voices"]}
    assert own["Tiny"]["Newscaster"] and own["Joanna"]["Newscaster"] and not own["Kendra"]["Newscaster"], own
    news = t.http("POST", "/v1/speech", json.dumps({"Text": text, "VoiceId": "Tiny", "OutputFormat": "pcm", "Style": "news"}))
    assert news[0] == 200 and news[2] != sound, news[0]
    listed = {v["voice"]: v["news"] for v in t.json("speak", "--voices")}
    assert (listed["Tiny"], listed["Joanna"]) == ("by --style", "yes"), listed
    with open(t.path + "/p.csv", "w", encoding="utf-8") as f:
        f.write("id,text,voice\nhello,Hello there.,Tiny\n")
    t.run("prompts", "build", t.path + "/p.csv", "--out", t.path + "/prompts")
    assert os.path.getsize(t.path + "/prompts/hello.wav") > 4000
    t.run("voices", "rm", "Tiny")
    assert "Tiny" not in {v["Id"] for v in polly.describe_voices()["Voices"]}


@case
def the_same_again_is_the_same(t):
    polly = Aws(t).client("polly")
    assert spoken(polly, "Twice the same.") == spoken(polly, "Twice the same.")
    assert spoken(polly, "Twice the same.", VoiceId="Matthew") != spoken(polly, "Twice the same.")


@case
def speech_is_refused_as_polly_refuses_it(t):
    aws = Aws(t)
    polly = aws.client("polly")
    good = {"Text": "Hello.", "VoiceId": "Joanna", "OutputFormat": "pcm"}
    wrong = [
        ({"SampleRate": "44100"}, "InvalidSampleRateException"),
        ({"SampleRate": "22050"}, "InvalidSampleRateException"),
        ({"SampleRate": "fast"}, "InvalidSampleRateException"),
        ({"VoiceId": "Nobody"}, "ValidationException"),
        ({"OutputFormat": "wav"}, "ValidationException"),
        ({"Engine": "steam"}, "ValidationException"),
        ({"TextType": "html"}, "ValidationException"),
        ({"Text": ""}, "ValidationException"),
        ({"LanguageCode": "fr-FR"}, "LanguageNotSupportedException"),
        ({"VoiceId": "Ruth"}, "EngineNotSupportedException"),  # neural only, the engine is standard when none is told
        ({"VoiceId": "Penelope", "Engine": "neural"}, "EngineNotSupportedException"),
        ({"SpeechMarkTypes": ["word"]}, "MarksNotSupportedForFormatException"),
        ({"OutputFormat": "json", "SpeechMarkTypes": ["ssml"]}, "SsmlMarksNotSupportedForTextTypeException"),
        ({"OutputFormat": "json"}, "ValidationException"),
        ({"OutputFormat": "json", "SpeechMarkTypes": ["phone"]}, "ValidationException"),
        ({"LexiconNames": ["none"]}, "LexiconNotFoundException"),
        ({"LexiconNames": list("abcdef")}, "ValidationException"),
        ({"Text": "x" * 6001}, "TextLengthExceededException"),
        ({"Text": "x" * 3001}, "TextLengthExceededException"),
        ({"Text": "<speak>" + "<p/>" * 1600 + "</speak>", "TextType": "ssml"}, "TextLengthExceededException"),
        ({"Text": "<speak>Hi", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "no tags", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "<speak>Hi<audio src='x'/></speak>", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "<speak>this & that</speak>", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "<speak><amazon:domain name='news'>Hi</amazon:domain></speak>", "TextType": "ssml"},
         "InvalidSsmlException"),  # the standard engine has no news
        ({"Text": "<speak><emphasis>Hi</emphasis></speak>", "TextType": "ssml", "Engine": "neural"},
         "InvalidSsmlException"),
        ({"Text": '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><speak>&b;</speak>', "TextType": "ssml"},
         "InvalidSsmlException"),
    ]
    for change, code in wrong:
        got = failure_of(polly.synthesize_speech, **{**good, **change})
        assert got[0] == code and 400 <= got[2] < 500 and got[1], (change, got)
    code, text, _ = failure_of(polly.synthesize_speech, **{**good, "Text": "<speak>\n a <audio/></speak>",
                                                           "TextType": "ssml"})
    assert "line 2" in text and "audio" in text, text
    for name in ("Text", "VoiceId", "OutputFormat"):  # what no client sends
        body = json.dumps({k: v for k, v in good.items() if k != name})
        status, headers, answer = aws.raw("POST", "/v1/speech", body.encode(), {"Content-Type": "application/json"}, "polly")
        assert status == 400 and headers["x-amzn-ErrorType"] == "ValidationException", (status, answer)
        assert b"must not be null" in answer, answer
    status, headers, _ = aws.raw("POST", "/v1/speech", b'{"Text": ', {"Content-Type": "application/json"}, "polly")
    assert status == 400 and headers["x-amzn-ErrorType"] == "SerializationException", status
    assert len(spoken(polly, "Still well.")) > 10000


@case
def most_of_a_request_is_spoken(t):
    polly = Aws(t).client("polly")
    text = ("All work and no play. " * 200)[:3000]
    got = polly.synthesize_speech(Text=text, VoiceId="Matthew", OutputFormat="mp3")
    assert got["RequestCharacters"] == 3000
    assert seconds_of(got["AudioStream"].read(), "mp3") > 100
    ssml = "<speak>" + "<p>Hi there.</p>" * 300 + "</speak>"  # tags are not billed
    got = polly.synthesize_speech(Text=ssml, TextType="ssml", VoiceId="Joanna", OutputFormat="ogg_vorbis")
    assert got["RequestCharacters"] == 300 * len("Hi there.") and len(got["AudioStream"].read()) > 50000


@case
def voices_are_told_and_filtered(t):
    polly = Aws(t).client("polly", checked=False)
    every = polly.describe_voices()["Voices"]
    known = set(polly.meta.service_model.shape_for("VoiceId").enum) | YOUNGER
    codes = set(polly.meta.service_model.shape_for("LanguageCode").enum)
    assert {"Joanna", "Matthew", "Lupe", "Amy"} <= {v["Id"] for v in every} <= known, every
    assert len({v["Id"] for v in every}) == len(every)
    for v in every:
        assert set(v) == {"Gender", "Id", "LanguageCode", "LanguageName", "Name", "SupportedEngines"}, v
        assert v["Gender"] in ("Female", "Male") and v["LanguageCode"] in codes and v["SupportedEngines"], v
    spanish = polly.describe_voices(LanguageCode="es-US")["Voices"]
    assert spanish and {v["LanguageCode"] for v in spanish} == {"es-US"}, spanish
    neural = polly.describe_voices(Engine="neural", LanguageCode="es-US", IncludeAdditionalLanguageCodes=True)["Voices"]
    assert neural and all("neural" in v["SupportedEngines"] for v in neural) and len(neural) < len(spanish)
    assert polly.describe_voices(LanguageCode="ja-JP")["Voices"] == []
    pages = list(polly.get_paginator("describe_voices").paginate(Engine="standard"))
    assert [v for page in pages for v in page["Voices"]] == [v for v in every if "standard" in v["SupportedEngines"]]
    assert error_of(polly.describe_voices, NextToken="x") == "InvalidNextTokenException"
    assert error_of(polly.describe_voices, Engine="steam") == "ValidationException"


@case
def lexicons_are_kept_and_used(t):
    polly = Aws(t).client("polly")
    plain, long = "The W3C.", "The World Wide Web Consortium."
    before = spoken(polly, plain)
    polly.put_lexicon(Name="w3c", Content=pls())
    got = polly.get_lexicon(Name="w3c")
    assert got["Lexicon"] == {"Name": "w3c", "Content": pls()}, got
    a = got["LexiconAttributes"]
    assert (a["Alphabet"], a["LanguageCode"], a["LexemesCount"], a["Size"]) == ("ipa", "en-US", 1, len(pls())), a
    assert a["LexiconArn"] == "arn:aws:polly:us-east-1:123456789012:lexicon/w3c", a
    assert spoken(polly, plain, LexiconNames=["w3c"]) == spoken(polly, long) != before
    polly.put_lexicon(Name="w3c", Content=pls(alias="Triple U See"))
    assert spoken(polly, plain, LexiconNames=["w3c"]) == spoken(polly, "The Triple U See.")
    polly.put_lexicon(Name="first", Content=pls(alias="the first one"))
    assert spoken(polly, plain, LexiconNames=["first", "w3c"]) == spoken(polly, "The the first one.")
    assert spoken(polly, plain, LexiconNames=["w3c", "first"]) == spoken(polly, "The Triple U See.")
    polly.put_lexicon(Name="es", Content=pls(lang="es-US"))
    assert spoken(polly, plain, LexiconNames=["es"]) == before  # of another language
    listed = polly.list_lexicons()["Lexicons"]
    assert [x["Name"] for x in listed] == ["es", "first", "w3c"], listed
    assert error_of(polly.list_lexicons, NextToken="x") == "InvalidNextTokenException"
    polly.delete_lexicon(Name="first")
    assert error_of(polly.delete_lexicon, Name="first") == "LexiconNotFoundException"
    assert error_of(polly.get_lexicon, Name="first") == "LexiconNotFoundException"
    assert failure_of(polly.get_lexicon, Name="first")[2] == 404


@case
def lexicons_are_refused_as_polly_refuses_them(t):
    polly = Aws(t).client("polly")
    wrong = [
        ("bad-name", pls(), "ValidationException"),
        ("x" * 21, pls(), "ValidationException"),
        ("a", "no xml", "InvalidLexiconException"),
        ("a", pls()[:-12], "InvalidLexiconException"),
        ("a", pls(alphabet="x-arpabet"), "UnsupportedPlsAlphabetException"),
        ("a", pls(lang="ja-JP"), "UnsupportedPlsLanguageException"),
        ("a", pls(alias="y" * 101), "MaxLexemeLengthExceededException"),
        ("a", pls().replace("</lexicon>", " " * 4000 + "</lexicon>"), "LexiconSizeExceededException"),
    ]
    for name, content, code in wrong:
        assert error_of(polly.put_lexicon, Name=name, Content=content) == code, (name, code)
    for i in range(100):
        polly.put_lexicon(Name=f"n{i}", Content=pls())
    polly.put_lexicon(Name="n0", Content=pls())  # a new version of one is fine
    assert error_of(polly.put_lexicon, Name="more", Content=pls()) == "MaxLexiconsNumberExceededException"
    assert len(polly.list_lexicons()["Lexicons"]) == 100


@case
def links_speak(t):
    aws = Aws(t)
    polly = aws.client("polly")
    polly.put_lexicon(Name="w3c", Content=pls())
    params = {"Text": "Ünïcode & the W3C+more?", "VoiceId": "Joanna", "OutputFormat": "mp3", "LexiconNames": ["w3c"]}
    want = polly.synthesize_speech(**params)["AudioStream"].read()

    def follow(link, method="GET"):
        """As a browser does: boto3 1.26 has the type of a body in the signature, which nobody sends."""
        return urllib.request.urlopen(urllib.request.Request(link, method=method))

    def refused(link):
        try:
            follow(link)
        except urllib.error.HTTPError as e:
            return e.code, e.headers["x-amzn-ErrorType"]
        raise AssertionError("it speaks: " + link)
    link = polly.generate_presigned_url("synthesize_speech", Params=params, HttpMethod="GET")
    headers = {"Content-Type": "application/json"}
    assert urllib.request.urlopen(urllib.request.Request(link, headers=headers)).read() == want
    with follow(link) as r:
        assert r.headers["Content-Type"] == "audio/mpeg" and r.read() == want
    with follow(polly.generate_presigned_url("synthesize_speech", Params=params), "POST") as r:  # boto3's default
        assert r.read() == want
    marks = dict(params, OutputFormat="json", SpeechMarkTypes=["word", "sentence"])
    with follow(polly.generate_presigned_url("synthesize_speech", Params=marks, HttpMethod="GET")) as r:
        assert {json.loads(x)["type"] for x in r.read().splitlines()} == {"word", "sentence"}
    assert refused(link.replace("Joanna", "Matthew")) == (403, "InvalidSignatureException")
    assert refused(link + "&x=1") == (403, "InvalidSignatureException")
    wrong = dict(params, VoiceId="Nobody")
    assert refused(polly.generate_presigned_url("synthesize_speech", Params=wrong, HttpMethod="GET")) == (
        400, "ValidationException")


@case
def who_did_not_sign_is_told_in_json(t):
    aws = Aws(t)
    assert error_of(aws.client("polly", secret="wrong" * 8).describe_voices) == "InvalidSignatureException"
    assert error_of(aws.client("polly", key="AKIANOBODY").describe_voices) == "UnrecognizedClientException"
    status, headers, _ = aws.raw("GET", "/v1/nothing", service="polly")
    assert status == 400 and headers["x-amzn-ErrorType"] == "UnknownOperationException", headers


@case
def tasks_speak_into_a_bucket_and_tell_a_topic(t):
    aws, sink = Aws(t), Sink()
    polly, s3, sns = aws.client("polly"), aws.client("s3"), aws.client("sns")
    s3.create_bucket(Bucket="sound")
    topic = sns.create_topic(Name="done")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=sink.url)
    urllib.request.urlopen(sink.wait(1)["SubscribeURL"]).read()
    text = "A long text of many words. " * 400
    task = polly.start_speech_synthesis_task(
        Text=text, VoiceId="Joanna", OutputFormat="mp3", OutputS3BucketName="sound", OutputS3KeyPrefix="books/one",
        SnsTopicArn=topic, SampleRate="16000", Engine="standard")["SynthesisTask"]
    assert task["TaskStatus"] == "scheduled" and task["RequestCharacters"] == len(text.strip()) or len(text), task
    key = f"books/one.{task['TaskId']}.mp3"
    assert task["OutputUri"] == f"https://s3.us-east-1.amazonaws.com/sound/{key}", task
    assert (task["VoiceId"], task["Engine"], task["SampleRate"], task["TextType"]) == (
        "Joanna", "standard", "16000", "text"), task

    def state():
        got = polly.get_speech_synthesis_task(TaskId=task["TaskId"])["SynthesisTask"]
        assert got["TaskStatus"] != "failed", got
        return got if got["TaskStatus"] == "completed" else None
    until(state, 60, "the task")
    sound = s3.get_object(Bucket="sound", Key=key)
    assert sound["ContentType"] == "audio/mpeg", sound
    assert seconds_of(sound["Body"].read(), "mp3") > 400
    manifest = json.loads(s3.get_object(Bucket="sound", Key=key.replace(".mp3", ".manifest.json"))["Body"].read())
    assert manifest["TaskId"] == task["TaskId"] and manifest["Output"]["uri"] == f"s3://sound/{key}", manifest
    told = json.loads(sink.wait(2)["Message"])
    assert told["taskId"] == task["TaskId"] and told["taskStatus"] == "COMPLETED", told
    assert told["outputUri"] == task["OutputUri"] and told["snsTopicArn"] == topic, told
    walk = t.json("lineage", "speech:" + manifest["Output"]["sha256"])
    assert "input:" in json.dumps(walk), walk
    rows = t.sql("select door, outcome, voice from speech")
    assert rows == [{"door": "task", "outcome": "spoken", "voice": "Joanna"}], rows


@case
def tasks_are_listed_by_page_and_state(t):
    aws = Aws(t)
    polly, s3 = aws.client("polly"), aws.client("s3")
    s3.create_bucket(Bucket="sound")
    ids = []
    for i in range(5):
        task = polly.start_speech_synthesis_task(
            Text=f"<speak>Number {'abcde'[i]}.<mark name='m'/></speak>", TextType="ssml", VoiceId="Matthew", OutputFormat="json",
            SpeechMarkTypes=["ssml", "word"], OutputS3BucketName="sound")["SynthesisTask"]
        assert task["OutputUri"].endswith(f"/sound/{task['TaskId']}.marks"), task
        ids.append(task["TaskId"])
    until(lambda: len(polly.list_speech_synthesis_tasks(Status="completed")["SynthesisTasks"]) == 5, 30, "all tasks")
    assert polly.list_speech_synthesis_tasks(Status="failed")["SynthesisTasks"] == []
    first = polly.list_speech_synthesis_tasks(MaxResults=2)
    assert [x["TaskId"] for x in first["SynthesisTasks"]] == ids[:2] and first["NextToken"], first
    pages = polly.get_paginator("list_speech_synthesis_tasks").paginate(PaginationConfig={"PageSize": 2})
    assert [x["TaskId"] for page in pages for x in page["SynthesisTasks"]] == ids
    marks = s3.get_object(Bucket="sound", Key=ids[3] + ".marks")["Body"].read().decode().splitlines()
    assert [json.loads(x)["value"] for x in marks] == ["Number", "d", "m"], marks


@case
def tasks_are_refused_as_polly_refuses_them(t):
    aws = Aws(t)
    polly = aws.client("polly")
    aws.client("s3").create_bucket(Bucket="sound")
    good = {"Text": "Hi.", "VoiceId": "Joanna", "OutputFormat": "mp3", "OutputS3BucketName": "sound"}
    wrong = [
        ({"OutputS3BucketName": "not-there"}, "InvalidS3BucketException"),
        ({"OutputS3KeyPrefix": "a b"}, "InvalidS3KeyException"),
        ({"OutputS3KeyPrefix": "a" * 801}, "InvalidS3KeyException"),
        ({"SnsTopicArn": "arn:aws:sns:us-east-1:123456789012:none"}, "InvalidSnsTopicArnException"),
        ({"SnsTopicArn": "topic"}, "InvalidSnsTopicArnException"),
        ({"SampleRate": "1"}, "InvalidSampleRateException"),
        ({"Text": "x " * 50001}, "TextLengthExceededException"),
        ({"Text": "<speak>x", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"LexiconNames": ["none"]}, "LexiconNotFoundException"),
        ({"SpeechMarkTypes": ["word"]}, "MarksNotSupportedForFormatException"),
        ({"VoiceId": "Ruth"}, "EngineNotSupportedException"),
    ]
    for change, code in wrong:
        got = failure_of(polly.start_speech_synthesis_task, **{**good, **change})
        assert got[0] == code and 400 <= got[2] < 500, (change, got)
    assert error_of(polly.get_speech_synthesis_task, TaskId="not-there") == "SynthesisTaskNotFoundException"
    assert error_of(polly.get_speech_synthesis_task, TaskId="no id!") == "InvalidTaskIdException"
    assert error_of(polly.list_speech_synthesis_tasks, NextToken="x") == "InvalidNextTokenException"
    assert polly.list_speech_synthesis_tasks()["SynthesisTasks"] == []


@case
def tasks_outlive_a_killed_server(t):
    aws = Aws(t)
    polly = aws.client("polly")
    aws.client("s3").create_bucket(Bucket="sound")
    ids = [polly.start_speech_synthesis_task(Text="Once more from the top. " * 150, VoiceId="Joanna", OutputFormat="pcm",
                                             OutputS3BucketName="sound")["SynthesisTask"]["TaskId"] for _ in range(3)]
    until(lambda: polly.list_speech_synthesis_tasks(Status="inProgress")["SynthesisTasks"], what="a task in progress")
    server = t.servers.pop()
    server.kill()
    server.wait()
    assert not [f for f in os.listdir(os.path.join(t.path, "objects", "sound")) if f.endswith(".pcm") and f[:36] not in ids]
    t.serve()
    aws.url = t.url
    polly = aws.client("polly")
    until(lambda: len(polly.list_speech_synthesis_tasks(Status="completed")["SynthesisTasks"]) == 3, 60, "all tasks")
    s3 = aws.client("s3")
    sounds = [s3.get_object(Bucket="sound", Key=i + ".pcm")["Body"].read() for i in ids]
    assert sounds[0] == sounds[1] == sounds[2] and len(sounds[0]) > 16000 * 2 * 60
    left = [f for f in os.listdir(t.path) if f.startswith(".speech")]
    assert left == [], left


@case
def the_command_line_speaks(t):
    aws = Aws(t)
    out = os.path.join(t.path, "out.mp3")
    told = json.loads(aws.cli("polly", "synthesize-speech", "--output-format", "mp3", "--voice-id", "Joanna", "--text",
                              "Hello from the command line.", out).stdout)
    assert told == {"ContentType": "audio/mpeg", "RequestCharacters": "28"}, told
    with open(out, "rb") as f:
        assert seconds_of(f.read(), "mp3") > 1
    marks = os.path.join(t.path, "out.marks")
    aws.cli("polly", "synthesize-speech", "--output-format", "json", "--voice-id", "Matthew", "--text", "One two.",
            marks, "--speech-mark-types", "word")
    with open(marks, encoding="utf-8") as f:
        assert [json.loads(x)["value"] for x in f] == ["One", "two"]
    names = json.loads(aws.cli("polly", "describe-voices", "--language-code", "en-US", "--query", "Voices[].Id").stdout)
    assert "Joanna" in names and "Lupe" not in names, names
    path = os.path.join(t.path, "w3c.pls")
    with open(path, "w", encoding="utf-8") as f:
        f.write(pls())
    aws.cli("polly", "put-lexicon", "--name", "w3c", "--content", "file://" + path)
    assert json.loads(aws.cli("polly", "get-lexicon", "--name", "w3c").stdout)["Lexicon"]["Content"] == pls()
    assert [x["Name"] for x in json.loads(aws.cli("polly", "list-lexicons").stdout)["Lexicons"]] == ["w3c"]
    aws.cli("polly", "delete-lexicon", "--name", "w3c")
    p = aws.cli("polly", "get-lexicon", "--name", "w3c", ok=False)
    assert p.returncode == 254 and b"LexiconNotFoundException" in p.stderr, p.stderr
    aws.cli("s3", "mb", "s3://sound")
    task = json.loads(aws.cli("polly", "start-speech-synthesis-task", "--output-format", "ogg_vorbis", "--voice-id", "Joanna",
                              "--text", "A task.", "--output-s3-bucket-name", "sound").stdout)["SynthesisTask"]["TaskId"]
    until(lambda: json.loads(aws.cli("polly", "get-speech-synthesis-task", "--task-id", task).stdout)["SynthesisTask"]
          ["TaskStatus"] == "completed", 30, "the task")
    assert len(json.loads(aws.cli("polly", "list-speech-synthesis-tasks").stdout)["SynthesisTasks"]) == 1
    assert aws.cli("s3", "cp", f"s3://sound/{task}.ogg", "-").stdout[:4] == b"OggS"


# ---- the posts' programs

NEWS = ("The mayor opened the new bridge on Tuesday, three months ahead of schedule. "
        "It cost $12.5 million, and carries 40,000 cars a day.")
NOTICIAS = "El alcalde abrió el nuevo puente el martes, tres meses antes de lo previsto. Costó 12 millones de dólares."


@case
def the_newscaster_post_gives_its_mp3(t):
    polly = Aws(t).client("polly")
    lengths = {}
    for voice, text in (("Joanna", NEWS), ("Matthew", NEWS), ("Lupe", NOTICIAS)):
        ssml = f'<speak><amazon:domain name="news">{text}></amazon:domain></speak>'  # with its stray >
        response = polly.synthesize_speech(Engine="neural", VoiceId=voice, TextType="ssml", OutputFormat="mp3", Text=ssml)
        assert response["ContentType"] == "audio/mpeg"
        path = os.path.join(t.path, voice + ".mp3")
        with contextlib.closing(response["AudioStream"]) as stream, open(path, "wb") as file:
            file.write(stream.read())
        with open(path, "rb") as f:
            lengths[voice] = seconds_of(f.read(), "mp3")
        assert 5 < lengths[voice] < 20, lengths
        plain = polly.synthesize_speech(Engine="neural", VoiceId=voice, TextType="ssml", OutputFormat="mp3",
                                        Text=f"<speak>{text}></speak>")["AudioStream"].read()
        with open(path, "rb") as f:
            assert f.read() != plain
    bad = '<speak><amazon:domain name="news">Smith & Sons</amazon:domain></speak>'
    assert error_of(polly.synthesize_speech, Engine="neural", VoiceId="Joanna", TextType="ssml", OutputFormat="mp3",
                    Text=bad) == "InvalidSsmlException"
    assert error_of(polly.synthesize_speech, Engine="neural", VoiceId="Salli", TextType="ssml", OutputFormat="mp3",
                    Text=f'<speak><amazon:domain name="news">{NEWS}</amazon:domain></speak>') == "InvalidSsmlException"


@case
def the_ivr_post_gives_its_wav(t):
    polly = Aws(t).client("polly")
    for text, kind in (("Thank you for calling. For billing, press 1.", "text"),
                       ("<speak>Thank you for calling.<break time=\"500ms\"/> For billing, press 1.</speak>", "ssml")):
        response = polly.synthesize_speech(Text=text, TextType=kind, OutputFormat="pcm", VoiceId="Joanna",
                                           SampleRate="16000")
        frames = response["AudioStream"].read()
        path = os.path.join(t.path, kind + ".wav")
        with wave.open(path, "wb") as f:
            f.setnchannels(1)
            f.setsampwidth(2)
            f.setframerate(16000)
            f.writeframes(frames)
        with open(path, "rb") as f:
            data = f.read()
        assert data[:4] == b"RIFF" and len(data) == 44 + len(frames) and len(frames) % 2 == 0
        sox = subprocess.run(["sox", "-t", "raw", "-r", "16000", "-e", "signed", "-b", "16", "-c", "1", "-", "-t", "wav",
                              "-"], input=frames, capture_output=True, check=True).stdout
        assert sox[44:] == frames
        with wave.open(io.BytesIO(data)) as f:
            assert (f.getnchannels(), f.getframerate(), f.getsampwidth()) == (1, 16000, 2)
            assert 1.5 < f.getnframes() / 16000 < 8


@case
def a_crowd_is_served_and_others_do_not_wait(t):
    aws = Aws(t)
    text = ("It was the best of times, it was the worst of times. " * 60)[:2900]
    polly = aws.client("polly", max_pool_connections=8)
    alone, got, slow = spoken(polly, text), {}, []
    end = threading.Event()

    def speak(i):
        got[i] = spoken(polly, text)

    def ping():
        while not end.is_set():
            c = aws.connect()
            c.request("GET", "/ping")
            slow.append(c.getresponse().status)
            c.close()
    watcher = threading.Thread(target=ping)
    crowd = [threading.Thread(target=speak, args=(i,)) for i in range(8)]
    watcher.start()
    for x in crowd:
        x.start()
    for x in crowd:
        x.join(60)
    end.set()
    watcher.join(20)
    assert len(got) == 8 and all(x == alone for x in got.values())
    assert len(slow) > 20 and set(slow) == {200}, len(slow)


if __name__ == "__main__":
    main()
