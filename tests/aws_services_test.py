#!/usr/bin/python3
"""aws_services_test.py -- SNS, CloudWatch and IoT data by boto3, with a real receiver at the other end."""
import base64
import datetime
import email
import email.header
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from tap import Skip, case, main, until
from aws_home import Aws, error_of, failure_of

TOPIC = "arn:aws:sns:us-east-1:123456789012:"


class Sink:
    """An HTTP receiver that may be down for a while."""

    def __init__(self):
        self.got, self.port, self.server = [], 0, None
        self.up()

    def up(self):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append((dict(self.headers.items()), body.decode()))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/in"

    def wait(self, count):
        until(lambda: len(self.got) >= count, what=f"message {count}")
        return self.got[count - 1]


@case
def a_topic_reaches_its_subscriber_after_it_was_down(t):
    aws, sink = Aws(t), Sink()
    sns = aws.client("sns")
    arn = sns.create_topic(Name="posture")["TopicArn"]
    assert arn == TOPIC + "posture" and sns.create_topic(Name="posture")["TopicArn"] == arn
    assert sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=sink.url)["SubscriptionArn"] == "pending confirmation"
    headers, body = sink.wait(1)
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation", headers
    assert asked["TopicArn"] == arn and asked["SubscribeURL"].startswith(aws.url), asked
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["SubscriptionsPending"] == "1"
    sns.publish(TopicArn=arn, Message="to nobody yet")
    bad = asked["SubscribeURL"].replace(asked["Token"], "0" * 32)
    try:
        urllib.request.urlopen(bad)
        raise AssertionError("a wrong token confirms")
    except urllib.error.HTTPError as e:
        assert e.code == 400, e.code
    page = urllib.request.urlopen(asked["SubscribeURL"]).read().decode()
    assert "<SubscriptionArn>" + arn + ":" in page, page
    (sub,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert sub["SubscriptionArn"].startswith(arn + ":") and sub["Endpoint"] == sink.url, sub
    first = sns.publish(TopicArn=arn, Message="sit <up> & \"rest\"\nä", Subject="Posture", MessageAttributes={
        "level": {"DataType": "Number", "StringValue": "3"}})["MessageId"]
    headers, body = sink.wait(2)
    got = json.loads(body)
    assert got["Message"] == "sit <up> & \"rest\"\nä" and got["Subject"] == "Posture" and got["Type"] == "Notification", got
    assert got["MessageId"] == first == headers["x-amz-sns-message-id"], headers
    assert headers["x-amz-sns-subscription-arn"] == sub["SubscriptionArn"], headers
    assert got["MessageAttributes"] == {"level": {"Type": "Number", "Value": "3"}}, got
    datetime.datetime.strptime(got["Timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
    sink.down()
    second = sns.publish(TopicArn=arn, Message="while it is down")["MessageId"]
    until(lambda: t.sql("select max(attempts) as n from delivery where delivered_us is null")[0]["n"], what="an attempt")
    t.servers.pop().kill()  # the message outlives the server
    sink.up()
    t.serve()
    headers, body = sink.wait(3)
    assert json.loads(body)["MessageId"] == second, body
    leave = got["UnsubscribeURL"].replace(aws.url, t.url)
    aws.url = t.url  # the same keys at the server's new address
    sns = aws.client("sns")
    urllib.request.urlopen(leave).read()
    assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] == []
    sns.delete_topic(TopicArn=arn)
    code, text, status = failure_of(sns.publish, TopicArn=arn, Message="x")
    assert (code, status) == ("NotFound", 404) and "Topic does not exist" in text, (code, text, status)
    sink.down()


def signed(document, cert):
    """Does openssl find the message's signature good?"""
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if document["Type"] != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{n}\n{document[n]}\n" for n in names if n in document)
    with tempfile.TemporaryDirectory() as folder:
        def put(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(data)
            return path
        key = subprocess.run(["openssl", "x509", "-pubkey", "-noout", "-in", put("c", cert)], capture_output=True, check=True).stdout
        digest = "-sha1" if document["SignatureVersion"] == "1" else "-sha256"
        return subprocess.run(["openssl", "dgst", digest, "-verify", put("k", key), "-signature",
                               put("s", base64.b64decode(document["Signature"])), put("t", text.encode())],
                              capture_output=True, check=False).returncode == 0


@case
def messages_are_signed(t):
    aws, sink = Aws(t), Sink()
    sns = aws.client("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=sink.url)
    asked = json.loads(sink.wait(1)[1])
    assert asked["SigningCertURL"].startswith(aws.url), asked
    cert = urllib.request.urlopen(asked["SigningCertURL"]).read()
    assert signed(asked, cert), asked
    urllib.request.urlopen(asked["SubscribeURL"]).read()
    sns.publish(TopicArn=arn, Message="ä", Subject="s")
    told = json.loads(sink.wait(2)[1])
    assert told["SignatureVersion"] == "1" and signed(told, cert), told
    assert not signed({**told, "Message": "b"}, cert)
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")
    assert error_of(sns.set_topic_attributes, TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="3") == "InvalidParameter"
    sns.publish(TopicArn=arn, Message="again")
    told = json.loads(sink.wait(3)[1])
    assert told["SignatureVersion"] == "2" and signed(told, cert), told
    sink.down()


class MailServer:
    """A server that takes letters, as little of SMTP as that needs."""

    def __init__(self):
        self.got, self.socket = [], socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            c = self.socket.accept()[0].makefile("rwb")
            def say(line):
                c.write(line + b"\r\n")
                c.flush()
            say(b"220 here")
            to = None
            for line in c:
                word = line.split(b" ")[0].strip().upper()
                if word == b"RCPT":
                    to = line
                if word == b"DATA":
                    say(b"354 go on")
                    letter = b"".join(iter(c.readline, b".\r\n"))
                    self.got.append((to, email.message_from_bytes(letter)))
                say(b"221 bye" if word == b"QUIT" else b"250 fine")
                if word == b"QUIT":
                    break

    def wait(self, count):
        until(lambda: len(self.got) >= count, what=f"letter {count}")
        to, letter = self.got[count - 1]
        return to, letter, letter.get_payload(decode=True).decode()


@case
def a_topic_reaches_a_mailbox(t):
    aws, server = Aws(t), MailServer()
    sns = aws.client("sns")
    arn = sns.create_topic(Name="mail", Tags=[{"Key": "team", "Value": "ä"}])["TopicArn"]
    assert sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="me@example.org")["SubscriptionArn"] == "pending confirmation"
    until(lambda: "settings set mail" in t.sql("select failure from delivery")[0]["failure"], what="what is missing")
    t.run("settings", "set", "mail", server.url)
    t.run("settings", "set", "mail-from", "fettle@example.org")
    to, letter, text = server.wait(1)
    assert b"<me@example.org>" in to and letter["From"] == "<fettle@example.org>" and "Subscription Confirmation" in letter["Subject"]
    (sub,) = sns.list_subscriptions()["Subscriptions"]
    assert sub["SubscriptionArn"] == "PendingConfirmation" and sub["Protocol"] == "email", sub
    urllib.request.urlopen(re.search(r"http://\S+ConfirmSubscription\S+", text).group(0)).read()
    (sub,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=sub["SubscriptionArn"])["Attributes"]
    assert attributes["PendingConfirmation"] == "false" and attributes["TopicArn"] == arn, attributes
    long = "Ä" * 48
    sns.publish(TopicArn=arn, Message=".\nstand up\n.", Subject=long)
    _, letter, text = server.wait(2)
    assert str(email.header.make_header(email.header.decode_header(letter["Subject"]))) == long, letter["Subject"]
    assert text.startswith(".\nstand up\n.\n") and "Action=Unsubscribe" in text, text
    sns.subscribe(TopicArn=arn, Protocol="email-json", Endpoint="me2@example.org")
    json.loads(server.wait(3)[2])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ä"}]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["x"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}]
    # Alerts of rules by the same way, here with a program.
    box = os.path.join(t.path, "box")
    program = os.path.join(t.path, "sendmail")
    with open(program, "w") as f:
        f.write(f"#!/bin/sh\ncat >{box}.new && mv {box}.new {box}\n")
    os.chmod(program, 0o755)
    t.run("settings", "set", "mail", program)
    sns.publish(TopicArn=arn, Message="by program")
    until(lambda: os.path.exists(box), what="the program's letter")
    with open(box, "rb") as f:
        assert "by program" in email.message_from_bytes(f.read()).get_payload(decode=True).decode()


@case
def subscriptions_have_attributes(t):
    aws, sink = Aws(t), Sink()
    sns = aws.client("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    sub = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=sink.url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]["PendingConfirmation"] == "true"
    sns.confirm_subscription(TopicArn=arn, Token=json.loads(sink.wait(1)[1])["Token"])
    sns.set_subscription_attributes(SubscriptionArn=sub, AttributeName="RawMessageDelivery", AttributeValue="true")
    assert sns.get_subscription_attributes(SubscriptionArn=sub)["Attributes"]["RawMessageDelivery"] == "true"
    sns.publish(TopicArn=arn, Message="bare")
    headers, body = sink.wait(2)
    assert body == "bare" and headers["x-amz-sns-rawdelivery"] == "true", (headers, body)
    for name, value in (("RawMessageDelivery", "maybe"), ("FilterPolicy", "{}")):
        assert error_of(sns.set_subscription_attributes, SubscriptionArn=sub, AttributeName=name, AttributeValue=value) == "InvalidParameter"
    assert error_of(sns.get_subscription_attributes, SubscriptionArn=sub + "0") == "NotFound"
    assert error_of(sns.get_subscription_attributes, SubscriptionArn=arn) == "InvalidParameter"
    for i in range(101):
        sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=f"u{i}@example.org")
    page = sns.list_subscriptions()
    assert len(page["Subscriptions"]) == 100
    assert len(sns.list_subscriptions(NextToken=page["NextToken"])["Subscriptions"]) == 2
    for command in (("list-subscriptions",), ("get-subscription-attributes", "--subscription-arn", sub),
                    ("list-tags-for-resource", "--resource-arn", arn)):
        json.loads(aws.cli("sns", *command).stdout)
    sink.down()


@case
def calls_without_a_signature_are_refused_in_the_query_protocol(t):
    import botocore
    aws = Aws(t)
    unsigned = aws.client("sns", signature_version=botocore.UNSIGNED)
    assert failure_of(unsigned.list_topics)[0::2] == ("MissingAuthenticationToken", 403)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for headers in ({}, form, {"Content-Type": "text/plain"}):
        for what in ("Action=ListTopics&Version=2010-03-31", "Action=GetCallerIdentity&Version=2011-06-15", "Action=Unheard"):
            status, _, body = aws.raw("POST", "/", what.encode(), headers, sign=False)
            assert status == 403 and b"<ErrorResponse" in body and b"<Code>MissingAuthenticationToken</Code>" in body, body
    status, _, body = aws.raw("GET", "/?Action=ListTopics&Version=2010-03-31", sign=False)
    assert status == 403 and b"<Code>MissingAuthenticationToken</Code>" in body and b"sns.amazonaws.com" in body, body
    status, _, body = aws.raw("GET", "/", sign=False)
    assert status == 200 and b"<html" in body.lower(), body[:200]
    assert aws.raw("POST", "/jobs", b"Action=ListTopics", form, sign=False)[0] == 405
    assert aws.raw("GET", "/nothing?Action=ListTopics", sign=False)[0] == 404


@case
def a_role_is_one_of_the_account(t):
    aws = Aws(t)
    iam = aws.client("iam")
    role = iam.get_role(RoleName="sagemaker-role")["Role"]
    account = aws.client("sts").get_caller_identity()["Account"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/sagemaker-role" and role["RoleName"] == "sagemaker-role", role
    assert failure_of(iam.get_role, RoleName="a b")[0::2] == ("ValidationError", 400)
    code, text, status = failure_of(iam.list_users)
    assert (code, status) == ("InvalidAction", 400) and "ListUsers" in text, (code, text, status)


@case
def services_that_are_not_here_say_so_in_their_protocol(t):
    aws = Aws(t)
    for name, call in (("quicksight", lambda c: c.list_users(AwsAccountId="1" * 12, Namespace="n")), ("kms", lambda c: c.list_keys()),
                       ("ec2", lambda c: c.describe_instances()), ("batch", lambda c: c.describe_jobs(jobs=["a"])),
                       ("cloudformation", lambda c: c.list_stacks()), ("stepfunctions", lambda c: c.list_activities())):
        code, text, status = failure_of(call, aws.client(name, checked=False))
        assert status == 501 and "no service" in text or name == "ec2" and status == 501, (name, code, text, status)


@case
def what_sns_refuses(t):
    aws, sink = Aws(t), Sink()
    sns = aws.client("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    for name in ("a b", "a/b", "", "ä", "x" * 257):
        assert error_of(sns.create_topic, Name=name) == "InvalidParameter", name
    for protocol, endpoint in (("email", "a b@c"), ("email", "nobody"), ("sms", "+123"), ("http", "https://x.example/"), ("http", "http://")):
        assert error_of(sns.subscribe, TopicArn=arn, Protocol=protocol, Endpoint=endpoint) == "InvalidParameter", protocol
    assert error_of(sns.subscribe, TopicArn=TOPIC + "none", Protocol="http", Endpoint=sink.url) == "NotFound"
    assert error_of(sns.publish, TopicArn=arn, Message="") == "InvalidParameter"
    assert error_of(sns.publish, TopicArn="nonsense", Message="x") == "InvalidParameter"
    assert error_of(sns.publish, TopicArn=arn, Message="x" * 262145) == "InvalidParameter"
    assert error_of(sns.publish, TopicArn=arn, Message="{}", MessageStructure="json") == "InvalidParameter"
    assert error_of(sns.publish, PhoneNumber="+1234567", Message="x") == "InvalidParameter"
    assert error_of(sns.confirm_subscription, TopicArn=arn, Token="nothing") == "InvalidParameter"
    assert error_of(sns.set_topic_attributes, TopicArn=arn, AttributeName="Nothing", AttributeValue="x") == "InvalidParameter"
    assert error_of(aws.client("sns", secret="wrong").list_topics) == "InvalidSignatureException"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Tea & time")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Tea & time"
    for i in range(105):
        sns.create_topic(Name=f"many-{i:03}")
    page = sns.list_topics()
    rest = sns.list_topics(NextToken=page["NextToken"])
    assert len(page["Topics"]) == 100 and len(rest["Topics"]) == 6 and "NextToken" not in rest
    told = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=sink.url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    token = json.loads(sink.wait(1)[1])["Token"]
    assert sns.confirm_subscription(TopicArn=arn, Token=token)["SubscriptionArn"] == told
    assert sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=sink.url)["SubscriptionArn"] == told
    sns.publish(TopicArn=arn, Message=json.dumps({"default": "all", "http": "own"}), MessageStructure="json")
    assert json.loads(sink.wait(2)[1])["Message"] == "own"
    out = aws.cli("sns", "publish", "--topic-arn", arn, "--message", "by hand").stdout
    assert json.loads(sink.wait(3)[1])["MessageId"] == json.loads(out)["MessageId"]
    sns.unsubscribe(SubscriptionArn=told)
    sns.unsubscribe(SubscriptionArn=told)
    sink.down()


@case
def metrics_are_put_listed_and_summed_up(t):
    aws = Aws(t)
    cw = aws.client("cloudwatch")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    start = now.replace(second=0) - datetime.timedelta(minutes=10)
    host = [dict(Name="Host", Value="a & b"), dict(Name="App", Value="x")]
    data = [dict(MetricName="Latency", Dimensions=host, Unit="Milliseconds", Value=float(v),
                 Timestamp=start + datetime.timedelta(seconds=20 * i)) for i, v in enumerate([3, 1, 2, 10, 20, 30])]
    data.append(dict(MetricName="Latency", Dimensions=host, Unit="Milliseconds", Timestamp=start + datetime.timedelta(minutes=3),
                     StatisticValues=dict(SampleCount=4, Sum=10, Minimum=1, Maximum=5)))
    data.append(dict(MetricName="Latency", Dimensions=host, Unit="Milliseconds", Timestamp=start + datetime.timedelta(minutes=3),
                     Values=[2.0, 9.0], Counts=[3.0, 1.0]))
    data.append(dict(MetricName="Latency", Dimensions=[], Value=77.0))
    data.append(dict(MetricName="Other", Dimensions=host, Value=1.5))
    cw.put_metric_data(Namespace="Shop/Web", MetricData=data)
    cw.put_metric_data(Namespace="Elsewhere", MetricData=[dict(MetricName="n", Value=1)])
    ask = dict(Namespace="Shop/Web", MetricName="Latency", Dimensions=host[::-1], StartTime=start, EndTime=now, Period=60)
    every = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"]
    got = cw.get_metric_statistics(Statistics=every, **ask)
    assert got["Label"] == "Latency", got
    points = [[p[s] for s in every] for p in got["Datapoints"]]
    assert points == [[3, 6, 2, 1, 3], [3, 60, 20, 10, 30], [8, 25, 25 / 8, 1, 9]], points
    assert got["Datapoints"][0]["Timestamp"] == start and got["Datapoints"][0]["Unit"] == "Milliseconds", got
    assert cw.get_metric_statistics(Statistics=["Sum"], Unit="Count", **ask)["Datapoints"] == []
    whole = dict(ask, Period=3600, StartTime=start - datetime.timedelta(hours=1))
    assert sum(p["SampleCount"] for p in cw.get_metric_statistics(Statistics=["SampleCount"], **whole)["Datapoints"]) == 14
    listed = cw.list_metrics(Namespace="Shop/Web")["Metrics"]
    assert sorted((m["MetricName"], len(m["Dimensions"])) for m in listed) == [("Latency", 0), ("Latency", 2), ("Other", 2)], listed
    assert len(cw.list_metrics()["Metrics"]) == 4
    assert len(cw.list_metrics(MetricName="Latency", Dimensions=[dict(Name="Host")])["Metrics"]) == 1
    rows = t.sql("select name, value, unit from cloudwatch where namespace = 'Elsewhere'")
    assert rows == [dict(name="n", value=1.0, unit="None")], rows
    many = [dict(MetricName=f"m{i % 7}", Dimensions=host, Value=float(i)) for i in range(1000)]
    cw.put_metric_data(Namespace="Many", MetricData=many)
    assert t.sql("select count(*) as n from cloudwatch where namespace = 'Many'")[0]["n"] == 1000
    out = json.loads(aws.cli("cloudwatch", "list-metrics", "--namespace", "Elsewhere").stdout)
    assert out["Metrics"] == [dict(Namespace="Elsewhere", MetricName="n", Dimensions=[])], out


@case
def metrics_in_json_and_what_is_refused(t):
    aws = Aws(t)
    cw = aws.client("cloudwatch")
    one = dict(MetricName="n", Value=1.0)
    late = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=15)
    for bad in (dict(one, Unit="Furlongs"), dict(one, Timestamp=late), dict(one, Value=float("nan")),
                dict(MetricName="n", StatisticValues=dict(SampleCount=0, Sum=1, Minimum=1, Maximum=1))):
        assert error_of(cw.put_metric_data, Namespace="x", MetricData=[one, bad]) == "InvalidParameterValue", bad
    assert error_of(cw.put_metric_data, Namespace="x", MetricData=[dict(MetricName="n")]) == "MissingParameter"
    assert t.sql("select count(*) as n from cloudwatch")[0]["n"] == 0  # all or nothing
    now = datetime.datetime.now(datetime.timezone.utc)
    ask = dict(Namespace="x", MetricName="n", StartTime=now - datetime.timedelta(days=3), EndTime=now, Statistics=["Sum"])
    assert error_of(cw.get_metric_statistics, Period=60, **ask) == "InvalidParameterCombination"
    assert error_of(cw.get_metric_statistics, Period=61, **ask) == "InvalidParameterValue"
    assert error_of(aws.client("cloudwatch", secret="wrong").list_metrics) == "InvalidSignatureException"

    def call(operation, **members):
        return aws.raw("POST", "/", json.dumps(members).encode(), {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "GraniteServiceVersion20100801." + operation}, service="monitoring")
    status, _, body = call("PutMetricData", Namespace="j", MetricData=[dict(
        MetricName="n", Value=2.5, Timestamp=time.time(), Dimensions=[dict(Name="a", Value="b")])])
    assert status == 200, body
    status, headers, body = call("GetMetricStatistics", Namespace="j", MetricName="n", StartTime=time.time() - 600,
                                 EndTime=time.time() + 60, Period=60, Statistics=["Sum"], Dimensions=[dict(Name="a", Value="b")])
    got = json.loads(body)
    assert got["Datapoints"][0]["Sum"] == 2.5 and "json" in headers["Content-Type"], (body, headers)
    status, _, body = call("ListMetrics", Namespace="j")
    assert json.loads(body)["Metrics"] == [dict(Namespace="j", MetricName="n", Dimensions=[dict(Name="a", Value="b")])], body
    status, headers, body = call("PutMetricData", Namespace="j")
    assert status == 400 and json.loads(body)["__type"] == "MissingRequiredParameterException", body
    for index in ("99999999999999999999", "10001", "0", "x"):
        status, _, body = aws.raw("POST", "/", f"Action=PutMetricData&Namespace=n&MetricData.member.{index}.MetricName=m".encode(),
                                  {"Content-Type": "application/x-www-form-urlencoded"}, service="monitoring")
        assert status == 400 and b"<Code>MalformedInput</Code>" in body and b"expected an index" in body, body
    for items, missing in (("1 3", 2), ("2", 1), ("1 2 5 4", 4)):
        form = "Action=PutMetricData&Namespace=n" + "".join(f"&MetricData.member.{i}.MetricName=m&MetricData.member.{i}.Value=1" for i in items.split())
        status, _, body = aws.raw("POST", "/", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}, service="monitoring")
        assert status == 400 and b"<Code>MalformedInput</Code>" in body, body
        assert (b"there is no MetricData.member.%d before it" % missing) in body or items == "1 2 5 4", body
    form = "Action=PutMetricData&Namespace=gap" + "".join(f"&MetricData.member.{i}.MetricName=m{i}&MetricData.member.{i}.Value=1" for i in (2, 3, 1))
    status, _, body = aws.raw("POST", "/", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}, service="monitoring")
    assert status == 200, body
    assert {m["MetricName"] for m in aws.client("cloudwatch").list_metrics(Namespace="gap")["Metrics"]} == {"m1", "m2", "m3"}


class Broker:
    """mosquitto on a free port, and a subscriber that prints what comes."""

    def __init__(self, t, topic):
        self.program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not os.path.exists(self.program) or not shutil.which("mosquitto_sub"):
            raise Skip("mosquitto or mosquitto_sub is not installed")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        conf = os.path.join(t.path, "mosquitto.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.broker = subprocess.Popen([self.program, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self.listens, what="a broker")
        subprocess.run(["mosquitto_pub", "-p", str(self.port), "-t", "ready", "-r", "-m", "yes"], check=True, timeout=20)
        self.sub = subprocess.Popen(["mosquitto_sub", "-p", str(self.port), "-t", topic, "-t", "ready", "-q", "1", "-v"],
                                    stdout=subprocess.PIPE, text=True)
        assert self.message("ready") == "yes"  # both are subscribed to

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def message(self, topic):
        for line in self.sub.stdout:
            if line.startswith(topic + " "):
                return line[len(topic) + 1:].rstrip("\n")
        raise AssertionError("the subscriber ended")

    def close(self):
        for p in (self.sub, self.broker):
            p.terminate()
            p.wait(10)


@case
def what_iot_publishes_reaches_a_subscriber(t):
    topic = "$aws/things/camera/infer"
    broker = Broker(t, topic)
    try:
        t.env["FETTLE_MQTT"] = f"127.0.0.1:{broker.port}"
        aws = Aws(t)
        iot = aws.client("iot-data")
        for qos in (0, 1):
            payload = json.dumps({"boxes": [[1, 2, 3, 4]], "qos": qos, "text": "ä"}, ensure_ascii=False)
            iot.publish(topic=topic, qos=qos, payload=payload.encode())
            assert broker.message(topic) == payload
        iot.publish(topic=topic, qos=1, retain=True, payload=b"kept")
        assert broker.message(topic) == "kept"
        out = subprocess.run(["mosquitto_sub", "-p", str(broker.port), "-t", topic, "-C", "1", "-W", "10"],
                             capture_output=True, text=True, check=True, timeout=20)
        assert out.stdout == "kept\n", out
        assert error_of(iot.publish, topic="a/#", payload=b"x") == "InvalidRequestException"
        assert error_of(iot.publish, topic=topic, payload=b"x" * 131073) == "RequestEntityTooLargeException"
        assert error_of(aws.client("iot-data", secret="wrong").publish, topic="t") == "InvalidSignatureException"
    finally:
        broker.close()
    code, text, status = failure_of(iot.publish, topic=topic, payload=b"x")
    assert (code, status) == ("ServiceUnavailableException", 503) and "MQTT broker" in text, (code, text)


@case
def a_broker_may_speak_tls_and_ask_who_it_is(t):
    for program in ("mosquitto", "mosquitto_passwd", "mosquitto_sub"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            raise Skip(program + " is not installed")
    def at(name):
        return os.path.join(t.path, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", at("k.pem"), "-out", at("c.pem")], capture_output=True, check=True)
    subprocess.run(["mosquitto_passwd", "-b", "-c", at("passwords"), "me", "p@ss"], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with open(at("broker.conf"), "w") as f:
        f.write(f"listener {port} 127.0.0.1\ncertfile {at('c.pem')}\nkeyfile {at('k.pem')}\npassword_file {at('passwords')}\n"
                "allow_anonymous false\nuser root\npersistence false\n")
    broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", at("broker.conf")], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        iot = Aws(t).client("iot-data")
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        until(listens, what="the broker")
        assert t.run("settings", "set", "mqtt", "https://x", ok=False).returncode == 64
        t.run("settings", "set", "mqtt", "-", stdin=f"mqtts://me:p@ss@localhost:{port}\n")
        assert "p@ss" not in t.run("settings", "ls").stdout
        code, text, _ = failure_of(iot.publish, topic="t", qos=1, payload=b"x")
        assert code == "ServiceUnavailableException", text  # a certificate that nobody vouches for
        t.run("settings", "set", "mqtt-ca", at("c.pem"))
        iot.publish(topic="t", qos=1, retain=True, payload=b"by tls")
        out = subprocess.run(["mosquitto_sub", "-h", "localhost", "-p", str(port), "--cafile", at("c.pem"), "-u", "me", "-P", "p@ss",
                              "-t", "t", "-C", "1", "-W", "10"], capture_output=True, text=True, check=True, timeout=20)
        assert out.stdout == "by tls\n", out
        t.run("settings", "set", "mqtt", "-", stdin=f"mqtts://me:wrong@localhost:{port}\n")
        assert error_of(iot.publish, topic="t", qos=1, payload=b"x") == "ServiceUnavailableException"
        t.run("settings", "rm", "mqtt")
        assert error_of(iot.publish, topic="t", payload=b"x") == "InvalidRequestException"
    finally:
        broker.terminate()
        broker.wait(10)


@case
def iot_without_a_broker_says_so(t):
    t.env.pop("FETTLE_MQTT", None)
    code, text, status = failure_of(Aws(t).client("iot-data").publish, topic="t", payload=b"x")
    assert (code, status) == ("InvalidRequestException", 400) and "FETTLE_MQTT" in text, (code, text)


main()
