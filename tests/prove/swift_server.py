"""swift_server.py -- OpenStack's Swift with its S3 layer (Debian's swift-proxy, -account, -container, -object) on loopback,
with one disk that is a folder: an S3 server that others wrote. Nothing of it stays."""
import os
import random
import shutil
import socket
import subprocess
import time

PROGRAMS = ["swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server",
            "swift-ring-builder", "memcached"]
KEY, SECRET = "club:racer", "fast-secret"

PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
user = {user}
workers = 0
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = true
min_segment_size = 1
[filter:tempauth]
use = egg:swift#tempauth
user_club_racer = fast-secret .admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
min_segment_size = 1
[filter:dlo]
use = egg:swift#dlo
"""

STORE = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/disks
mount_check = false
user = {user}
workers = 0
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Swift:
    """Started by the constructor; `url`; end() ends it. OSError where the packages are not there."""

    def __init__(self, folder):
        missing = [p for p in PROGRAMS if not shutil.which(p)]
        if missing:
            raise OSError("not installed: " + ", ".join(missing))
        self.folder, self.processes = folder, []
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        os.makedirs(os.path.join(folder, "disks", "d1"))
        self.write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n")
        port, cache = free_port(), free_port()
        try:
            self.start("memcached", "-l", "127.0.0.1", "-p", str(cache), "-U", "0", "-u", user)
            for kind in ("account", "container", "object"):
                self.store(kind, user)
            self.write("proxy.conf", PROXY.format(port=port, cache=cache, folder=folder, user=user))
            self.start("swift-proxy-server", os.path.join(folder, "proxy.conf"))
            self.url = f"http://127.0.0.1:{port}"
            self.wait(port)
        except BaseException:
            self.end()
            raise

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, *command):
        log = open(os.path.join(self.folder, command[0] + ".log"), "w", encoding="utf-8")
        env = dict(os.environ, SWIFT_TEST_IN_PROCESS="", PYTHONWARNINGS="ignore")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=self.folder))

    def store(self, kind, user):
        port, builder = free_port(), os.path.join(self.folder, kind + ".builder")
        for args in (["create", "4", "1", "1"], ["add", f"r1z1-127.0.0.1:{port}/d1", "1"], ["rebalance"]):
            subprocess.run(["swift-ring-builder", builder, *args], check=True, stdout=subprocess.DEVNULL)
        self.write(kind + ".conf", STORE.format(kind=kind, port=port, folder=self.folder, user=user))
        self.start(f"swift-{kind}-server", os.path.join(self.folder, kind + ".conf"))

    def wait(self, port):
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
                    s.sendall(b"GET /healthcheck HTTP/1.0\r\n\r\n")
                    if b"OK" in s.recv(1000):
                        return
            except OSError:
                pass
            if any(p.poll() is not None for p in self.processes):
                raise OSError("a server of Swift ended: see the logs in " + self.folder)
            time.sleep(0.1)
        raise OSError("Swift does not listen")

    def end(self):
        for p in self.processes:
            p.terminate()
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
