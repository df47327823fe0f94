#!/usr/bin/python3
"""boto3_newest.py -- the tests of S3 and Polly with the newest boto3 instead of Debian's: its checksums, trailers and defaults
differ, and its Polly knows more engines and formats. Needs the peer `boto3` of peers.sh."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
PYTHON = os.path.join(PEERS, "boto3", "bin", "python")
# What needs Debian's awscli or curl alone says nothing about boto3.
LEFT_OUT = {"the_aws_command_line_does_its_everyday_work", "access_keys_are_made_listed_and_removed",
            "a_hundred_megabytes_go_up_and_down_in_parallel", "the_command_line_speaks"}


def main():
    version = subprocess.run([PYTHON, "-c", "import boto3; print(boto3.__version__)"], capture_output=True, text=True,
                             check=False) if os.path.exists(PYTHON) else None
    if not version or version.returncode:
        print("NOT RUN: boto3 is not there: tests/prove/peers.sh boto3 makes it")
        sys.exit(77)
    bad = 0
    for name in ("s3", "polly"):
        test = os.path.join(ROOT, "tests", f"aws_{name}_test.py")
        with open(test, encoding="utf-8") as f:
            cases = [c for c in (b.split("(")[0] for b in f.read().split("@case\ndef ")[1:]) if c not in LEFT_OUT]
        p = subprocess.run([PYTHON, test, *cases], capture_output=True, text=True, check=False)
        failed = [l for l in p.stdout.splitlines() if l.startswith("not ok")]
        if p.returncode:
            bad = 1
            print(p.stdout[-3000:] + p.stderr[-1000:])
            print(f"FAIL  boto3 {version.stdout.strip()}: {'; '.join(failed)}")
        else:
            print(f"PASS  boto3 {version.stdout.strip()}: {len(cases)} cases of the test of {name}")
    sys.exit(bad)


main()
