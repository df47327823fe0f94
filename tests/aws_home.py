"""aws_home.py -- what the AWS tests share: a server, an access key, clients whose answers are checked, raw requests.

    aws = Aws(t)                     # t: tap.Home
    s3 = aws.client("s3")            # boto3; each answer is held against botocore's model (aws_shapes.py)
    aws.cli("s3", "ls")              # Debian's awscli
    aws.raw("GET", "/b/k")           # -> status, headers, body; signed by botocore unless sign=False
"""
import functools
import http.client
import os
import ssl
import subprocess
import urllib.parse

from tap import Skip

AWS_CLI = "/usr/bin/aws"
REGION = "us-east-1"

try:
    import boto3
    import botocore.auth
    import botocore.awsrequest
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:
    boto3 = None


def error_of(call, *args, **kwargs):
    """The code of the ClientError that the call must raise."""
    try:
        answer = call(*args, **kwargs)
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"]
    raise AssertionError(f"no error from {call}: {answer!r}"[:500])


def failure_of(call, *args, **kwargs):
    """-> code, message, HTTP status of the ClientError that the call must raise."""
    try:
        answer = call(*args, **kwargs)
    except botocore.exceptions.ClientError as e:
        r = e.response
        return r["Error"]["Code"], r["Error"].get("Message", ""), r["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"no error from {call}: {answer!r}"[:500])


class Aws:
    def __init__(self, home, *serve_args):
        if boto3 is None:
            raise Skip("python3-boto3 is not installed")
        self.home = home
        home.serve(*serve_args)
        self.url = home.url
        env = home.json("aws", "env")
        self.key, self.secret = env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
        self.bundle = env.get("AWS_CA_BUNDLE")
        self.env = dict({k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **env)
        self.env.update(HOME=home.path, AWS_PAGER="", AWS_CONFIG_FILE=os.path.join(home.path, "aws-config"),
                        AWS_SHARED_CREDENTIALS_FILE=os.path.join(home.path, "aws-credentials"))

    @functools.cached_property
    def session(self):
        return boto3.session.Session(self.key, self.secret, region_name=REGION)

    def client(self, service, key=None, secret=None, checked=True, **config):
        """A client that tries once; `checked=False` for answers that are no AWS answers."""
        config.setdefault("retries", {"total_max_attempts": 1})
        made = self.session.client(
            service, endpoint_url=self.url, aws_access_key_id=key or self.key,
            aws_secret_access_key=secret or self.secret, verify=self.bundle,
            config=botocore.config.Config(parameter_validation=config.pop("parameter_validation", True), **config))
        if checked:
            import aws_shapes
            aws_shapes.watch(made)
        return made

    def cli(self, *args, ok=True, stdin=None, timeout=300, **env):
        """-> the finished process of `aws --endpoint-url … args`."""
        if not os.path.exists(AWS_CLI):
            raise Skip("awscli is not installed")
        p = subprocess.run([AWS_CLI, "--endpoint-url", self.url, *map(str, args)], env={**self.env, **env},
                           input=stdin, capture_output=True, timeout=timeout, check=False)
        if ok and p.returncode != 0:
            raise AssertionError(f"aws {' '.join(map(str, args))}: exit {p.returncode}\n"
                                 f"{p.stdout.decode()[-2000:]}{p.stderr.decode()[-2000:]}")
        return p

    def connect(self, timeout=20):
        u = urllib.parse.urlsplit(self.url)
        if u.scheme == "https":
            return http.client.HTTPSConnection(u.hostname, u.port, timeout=timeout,
                                               context=ssl.create_default_context(cafile=self.bundle))
        return http.client.HTTPConnection(u.hostname, u.port, timeout=timeout)

    def sign(self, method, target, body=b"", headers=None, service="s3", key=None, secret=None):
        """The headers of a request, signed."""
        made = botocore.awsrequest.AWSRequest(method, self.url + target, dict(headers or {}), body)
        credentials = botocore.credentials.Credentials(key or self.key, secret or self.secret)
        signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
        signer(credentials, service, REGION).add_auth(made)
        return dict(made.headers.items())

    def raw(self, method, target, body=b"", headers=None, service="s3", sign=True, **who):
        """-> status, headers, body. `target` is sent as it stands."""
        if sign:
            headers = self.sign(method, target, body, headers, service, **who)
        c = self.connect()
        try:
            c.request(method, target, body or None, headers or {})
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()
        finally:
            c.close()
