"""inference.py -- serves a user's inference code by SageMaker's contract of inference containers, as the framework
containers do: GET /ping, POST /invocations, and from the user's module model_fn(model_dir), input_fn(data, content_type),
predict_fn(data, model), output_fn(prediction, accept), or transform_fn(model, data, content_type, accept). What is not there
has a default. Compiled into the program, which writes it beside each model that brings code (program_tree.c).

Environment: SAGEMAKER_PROGRAM (inference.py), SAGEMAKER_SUBMIT_DIRECTORY (its folder), SM_MODEL_DIR, SAGEMAKER_BIND_TO_PORT,
SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, FETTLE_FRAMEWORK.

Source: the defaults are those that sagemaker-inference-toolkit and the framework toolkits document.
"""
import http.server
import importlib
import inspect
import io
import json
import os
import socket
import socketserver
import sys
import threading
import traceback

JSON, CSV, NPY, BYTES = "application/json", "text/csv", "application/x-npy", "application/octet-stream"
TEXTS = (JSON, CSV, "text/plain", "application/jsonlines", "text/libsvm")
BODY_MAX = 64 << 20


class Refused(Exception):
    """What the caller did wrong, with its HTTP status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


# ---- bytes to values and back

def decode(data, content_type):
    """The default input: a list or array."""
    if content_type == BYTES:  # nothing was said: told from the bytes
        content_type = NPY if data[:6] == b"\x93NUMPY" else JSON
    raw = data.encode() if isinstance(data, str) else data
    if content_type == NPY:
        import numpy
        return numpy.load(io.BytesIO(raw), allow_pickle=False)
    if content_type == JSON:
        value = json.loads(raw.decode("utf-8"))
        try:
            import numpy
            return numpy.array(value)
        except ImportError:
            return value
    if content_type == CSV:
        text = io.StringIO(raw.decode("utf-8"))
        try:
            import numpy
            return numpy.genfromtxt(text, delimiter=",", ndmin=2)
        except ImportError:
            import csv
            return [[float(cell) for cell in row] for row in csv.reader(text) if row]
    raise Refused(415, f"content type {content_type!r} is not supported by the default input_fn; {JSON}, {CSV} and {NPY} are")


def plain(value):
    """As what JSON knows."""
    for step in ("detach", "cpu", "asnumpy", "numpy", "tolist"):
        method = getattr(value, step, None)
        if callable(method):
            value = method()
    return value


def encode(value, accept):
    """-> bytes, content type"""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), accept
    if isinstance(value, str):
        return value.encode("utf-8"), accept
    if accept == NPY:
        import numpy
        out = io.BytesIO()
        numpy.save(out, numpy.asarray(plain(value)))
        return out.getvalue(), NPY
    if accept == CSV:
        rows = plain(value)
        rows = rows if isinstance(rows, (list, tuple)) else [rows]
        lines = (",".join(map(str, r)) if isinstance(r, (list, tuple)) else str(r) for r in rows)
        return ("\n".join(lines) + "\n").encode("utf-8"), CSV
    if accept == JSON:
        return json.dumps(value, default=plain).encode("utf-8"), JSON
    raise Refused(406, f"accept {accept!r} is not supported by the default output_fn; {JSON}, {CSV} and {NPY} are")


# ---- the defaults of the frameworks

def default_model(framework, folder):
    path = os.path.join(folder, "model.pt")
    if framework == "pytorch" and os.path.exists(path):
        import torch
        model = torch.jit.load(path, map_location="cpu")
        model.eval()
        return model
    raise NotImplementedError("the inference code has no model_fn(model_dir), and there is no default for this model")


def default_input(framework):
    def tensor(data, content_type):
        import torch
        return torch.tensor(decode(data, content_type), dtype=torch.float32)

    def matrix(data, content_type):
        import xgboost
        return xgboost.DMatrix(decode(data, content_type))

    return {"pytorch": tensor, "xgboost": matrix}.get(framework, decode)


def default_predict(framework):
    def torch_predict(data, model):
        import torch
        with torch.no_grad():
            return model(data)

    def predict(data, model):
        return model.predict(data) if hasattr(model, "predict") else model(data)

    return torch_predict if framework in ("pytorch", "huggingface") else predict


class Model:
    """The user's module and what it lacks. One request at a time: user code is not asked to be thread-safe."""

    def __init__(self):
        folder = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")
        framework = os.environ.get("FETTLE_FRAMEWORK", "")
        code = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or os.path.join(folder, "code")
        program = os.environ.get("SAGEMAKER_PROGRAM") or "inference.py"
        if not os.path.isdir(code):
            code = folder
        if not os.path.exists(os.path.join(code, program)):
            raise SystemExit(f"there is no {program} in {code}: {sorted(os.listdir(code))[:20]}")
        if program.endswith(".py"):
            program = program[:-3]
        sys.path.insert(0, os.path.join(code, os.path.dirname(program)))
        if os.path.isdir(os.path.join(code, "lib")):
            sys.path.insert(1, os.path.join(code, "lib"))
        module = importlib.import_module(os.path.basename(program))
        self.lock = threading.Lock()
        self.transform = getattr(module, "transform_fn", None)
        parts = [getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")]
        if self.transform and any(parts):
            raise SystemExit("the inference code has transform_fn beside input_fn, predict_fn or output_fn: only one way is possible")
        self.input = parts[0] or default_input(framework)
        self.predict = parts[1] or default_predict(framework)
        self.output = parts[2] or encode
        load = getattr(module, "model_fn", None)
        self.model = call(load, folder) if load else default_model(framework, folder)

    def answer(self, body, content_type, accept):
        """-> bytes, content type"""
        kind = (content_type or BYTES).split(";")[0].strip().lower()
        data = body.decode("utf-8") if kind in TEXTS else body
        with self.lock:
            if self.transform:
                got = call(self.transform, self.model, data, kind, accept)
            else:
                got = call(self.output, call(self.predict, call(self.input, data, kind), self.model), accept)
        if isinstance(got, tuple) and len(got) == 2 and isinstance(got[1], str):
            return encode(got[0], got[1]) if not isinstance(got[0], (bytes, str)) else (
                got[0].encode("utf-8") if isinstance(got[0], str) else got[0], got[1])
        if isinstance(got, (bytes, str)):
            return encode(got, accept)
        return encode(got, accept if accept in (JSON, CSV, NPY) else JSON)


def call(function, *args):
    """Newer toolkits hand a context on as the last argument."""
    try:
        count = len([p for p in inspect.signature(function).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
                     and p.default is p.empty])
    except (TypeError, ValueError):
        count = len(args)
    return function(*args, None) if count == len(args) + 1 else function(*args)


# ---- the server

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", content_type="text/plain; charset=utf-8"):
        head = f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode("latin-1", "replace") + body)

    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_MAX:
            self.close_connection = True
            return self.reply(413, b"the body is too large")
        body = self.rfile.read(length)
        if self.path.split("?")[0] != "/invocations":
            return self.reply(404)
        accept = (self.headers.get("Accept") or "").split(",")[0].split(";")[0].strip()
        if accept in ("", "*/*"):
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
        try:
            answer, content_type = self.server.model.answer(body, self.headers.get("Content-Type"), accept)
        except Refused as e:
            return self.reply(e.status, str(e).encode())
        except Exception as e:
            traceback.print_exc()
            return self.reply(500, f"{type(e).__name__}: {e}"[:2000].encode("utf-8", "replace"))
        return self.reply(200, answer, content_type)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET


def main():
    # The port is bound when the model is there, so that nothing answers before it can.
    model = Model()
    server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    server.model = model
    server.serve_forever()


if __name__ == "__main__":
    main()
