"""browser.py -- Debian's Chromium without a screen, driven over a pipe: for pages as their readers see them.

    with Browser() as b:
        b.open(url)
        b.run("document.title")          # -> value; promises are waited for
        b.until("window.done", 20)
        b.picture("/tmp/page.png")
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from tap import Skip

CHROMIUM = "/usr/bin/chromium"


class Browser:
    def __init__(self, width=1100, height=1000, dark=False):
        if not os.path.exists(CHROMIUM):
            raise Skip("chromium is not installed")
        self.folder = tempfile.mkdtemp(prefix="fettle-browser-")
        there, ours_out = os.pipe()
        ours_in, back = os.pipe()
        args = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
                "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage", "--hide-scrollbars",
                f"--user-data-dir={self.folder}", f"--window-size={width},{height}", "--remote-debugging-pipe",
                "--disable-background-networking", "about:blank"]
        if dark:
            args.insert(1, "--force-dark-mode")

        def pipes():
            os.dup2(there, 1000)  # away from 3 and 4 first: they may be what the pipes are
            os.dup2(back, 1001)
            os.dup2(1000, 3)
            os.dup2(1001, 4)
        self.process = subprocess.Popen(args, preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(back)
        self.out, self.inp, self.rest, self.count, self.events = ours_out, ours_in, b"", 0, []
        target = self.call("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")
        self.call("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1,
                                                         "mobile": False})
        if dark:
            self.call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        os.close(self.out)
        os.close(self.inp)
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self, until):
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.inp], [], [], left)[0]:
                raise AssertionError("the browser does not answer")
            piece = os.read(self.inp, 1 << 16)
            if not piece:
                raise AssertionError("the browser has ended")
            self.rest += piece
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, params=None, session=True, seconds=60):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params or {}}
        if session and self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while True:
            got = self.receive(end)
            if got.get("id") == self.count:
                if "error" in got:
                    raise AssertionError(f"{method}: {got['error']}")
                return got["result"]
            self.events.append(got)

    def open(self, url):
        got = self.call("Page.navigate", {"url": url})
        assert "errorText" not in got, got
        self.until("document.readyState === 'complete'", 30)

    def run(self, script):
        got = self.call("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True,
                                             "userGesture": True})
        if "exceptionDetails" in got:
            raise AssertionError(f"{script}: {got['exceptionDetails'].get('exception', {}).get('description')}")
        return got["result"].get("value")

    def until(self, script, seconds=30):
        end, late = time.monotonic() + seconds, False
        while not self.run(f"Boolean({script})"):
            if late:
                raise AssertionError(f"{script} did not come true within {seconds} s")
            time.sleep(0.02)
            late = time.monotonic() > end  # and once more: we may have been stopped as well

    def picture(self, path):
        data = self.call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def complaints(self):
        """What the page's scripts and the browser complained about."""
        self.run("1")
        out = []
        for e in self.events:
            if e.get("method") == "Runtime.exceptionThrown":
                out.append(e["params"]["exceptionDetails"].get("exception", {}).get("description", "?"))
            elif e.get("method") == "Log.entryAdded" and e["params"]["entry"]["level"] == "error":
                out.append(e["params"]["entry"]["text"])
        return out
