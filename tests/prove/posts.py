"""posts.py -- what the posts' programs share that use SageMaker's SDK: a session whose clients go to our server, and a run of
them in homes of their own, told in a line each."""
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"
try:
    import boto3
    import sagemaker
except ImportError as e:
    print(f"NOT RUN: the SageMaker SDK: {e}")
    sys.exit(77)


def session(t):
    """What `fettle aws env` prints; the boto3 of these SDKs knows no AWS_ENDPOINT_URL, so its clients are made with it."""
    env = t.json("aws", "env")
    os.environ.update({k: v for k, v in env.items() if k.startswith("AWS_")})
    boto = boto3.session.Session(region_name="us-east-1")
    made = {n: boto.client(n, endpoint_url=t.url) for n in ("sagemaker", "sagemaker-runtime", "s3", "sts", "logs")}
    resource = boto.resource("s3", endpoint_url=t.url)
    boto.client = lambda name, *a, **k: made.get(name) or boto3.client(name, region_name="us-east-1", endpoint_url=t.url)
    boto.resource = lambda name, *a, **k: resource
    return sagemaker.session.Session(boto_session=boto, sagemaker_client=made["sagemaker"],
                                     sagemaker_runtime_client=made["sagemaker-runtime"])


def main(*posts):
    """PASS or FAIL a post; ends the program with 0 or 1."""
    failed = 0
    real = time.sleep
    time.sleep = lambda seconds: real(min(seconds, 0.5))  # the SDK looks every 5 to 60 s
    for post in posts:
        t = tap.Home()
        try:
            t.serve()
            post(t)
            print(f"PASS {post.__name__} (SageMaker SDK {sagemaker.__version__})")
        except Exception:
            failed = 1
            print(f"FAIL {post.__name__}\n" + "".join("    " + x for x in traceback.format_exc().splitlines(True)))
        finally:
            t.close()
    sys.exit(failed)
