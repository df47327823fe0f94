#!/usr/bin/python3
"""podman.py -- an image of one's own by the real podman: a training job, a processing job. The image is made here, of
busybox alone, so nothing is fetched. PASS, FAIL or NOT RUN a line each; exit 0, 1 or 77."""
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
from aws_home import Aws  # noqa: E402

IMAGE = "localhost/fettle/prove:1"
ROLE = "arn:aws:iam::123456789012:role/test"
BUCKET = "prove-podman"
WORK = """#!/bin/busybox sh
set -e
/bin/busybox echo "started as $1"
if [ "$1" = train ]; then
    /bin/busybox cat /opt/ml/input/data/train/a.csv > /opt/ml/model/copy
else
    /bin/busybox mkdir -p /opt/ml/processing/output
    /bin/busybox sort -r /opt/ml/processing/input/data/a.csv > /opt/ml/processing/output/sorted
fi
"""


def not_run(why):
    print(f"NOT RUN podman: {why}")
    sys.exit(77)


def image():
    busybox = shutil.which("busybox")
    if not shutil.which("podman") or not busybox:
        not_run("podman and a static busybox are needed")
    with tempfile.NamedTemporaryFile(suffix=".tar") as f:
        with tarfile.open(fileobj=f, mode="w") as tar:
            tar.add(busybox, "bin/busybox")
            work = tarfile.TarInfo("bin/work")
            work.size, work.mode = len(WORK), 0o755
            tar.addfile(work, io.BytesIO(WORK.encode()))
        f.flush()
        p = subprocess.run(["podman", "import", "--change", 'ENTRYPOINT ["/bin/work"]', f.name, IMAGE], capture_output=True,
                           text=True, check=False)
    if p.returncode:
        not_run("podman import: " + p.stderr.strip()[-200:])
    p = subprocess.run(["podman", "run", "--rm", "--entrypoint=/bin/busybox", IMAGE, "true"], capture_output=True, text=True, check=False)
    if p.returncode:
        not_run("podman runs nothing on this machine: " + p.stderr.strip()[-200:])


def ended(call, key):
    return tap.until(lambda: (lambda d: d[key] not in ("InProgress", "Stopping") and d)(call()), 120, "the job's end")


def main():
    image()
    t = tap.Home()
    del t.env["FETTLE_PODMAN"]
    try:
        aws = Aws(t)
        s3, sm = aws.client("s3"), aws.client("sagemaker")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="data/a.csv", Body=b"1\n2\n")
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}
        sm.create_training_job(
            TrainingJobName="pod", RoleArn=ROLE, AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/"}, StoppingCondition={"MaxRuntimeInSeconds": 300},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
        d = ended(lambda: sm.describe_training_job(TrainingJobName="pod"), "TrainingJobStatus")
        good = d["TrainingJobStatus"] == "Completed"
        print("PASS" if good else "FAIL", "an image trains", d.get("FailureReason", ""))
        place = "/opt/ml/processing/"
        sm.create_processing_job(
            ProcessingJobName="work", RoleArn=ROLE, AppSpecification={"ImageUri": IMAGE},
            ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
            ProcessingInputs=[{"InputName": "data", "S3Input": {**source, "LocalPath": place + "input/data", "S3InputMode": "File"}}],
            ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": {
                "S3Uri": f"s3://{BUCKET}/out", "LocalPath": place + "output", "S3UploadMode": "EndOfJob"}}]})
        d = ended(lambda: sm.describe_processing_job(ProcessingJobName="work"), "ProcessingJobStatus")
        told = good and d["ProcessingJobStatus"] == "Completed" and \
            s3.get_object(Bucket=BUCKET, Key="out/sorted")["Body"].read() == b"2\n1\n"
        print("PASS" if told else "FAIL", "an image processes", d.get("FailureReason", ""))
        sys.exit(0 if good and told else 1)
    finally:
        t.close()


if __name__ == "__main__":
    main()
