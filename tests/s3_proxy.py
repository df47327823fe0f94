"""s3_proxy.py -- stands between an S3 client and a server and does to answers what bad networks do.

    proxy = Proxy(url, lambda n, method, path: "cut" if n % 3 == 2 else None)
    proxy.url                        # what the client is told
    proxy.log                        # (method, path, Range, fault) of each request
    proxy.close()

Faults: "cut" (half of the body, then closed), "refuse" (closed without an answer), "503", "500", "short" (fewer bytes, and
says so), "etag" (another ETag), "delay" (0.2 s), "drip" (a byte a tenth of a second), "stall" (the head alone).
"""
import re
import socket
import threading
import time


def read_message(f):
    """-> head bytes, body length; None at the end of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = f.readline()
        if not line:
            return None
        head += line
    m = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    return head, int(m.group(1)) if m else 0


class Proxy:
    def __init__(self, upstream, fault=None, latency=0.0):
        host, port = re.match(r"http://([^:/]+):(\d+)", upstream).groups()
        self.upstream = (host, int(port))
        self.fault = fault or (lambda n, method, path: None)
        self.latency = latency
        self.log, self.lock, self.ending = [], threading.Lock(), False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.ending = True
        self.listener.close()

    def accept(self):
        while not self.ending:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client:
                a = client.makefile("rb")
                while self.exchange(client, a):
                    pass
        except OSError:
            pass

    def exchange(self, client, a):
        """One request and its answer; False when the connection ends with it."""
        message = read_message(a)
        if message is None:
            return False
        head, length = message
        method, path = head.split(b" ", 2)[:2]
        wanted = re.search(rb"(?im)^range:\s*(\S+)", head)
        with self.lock:
            fault = self.fault(len(self.log), method.decode(), path.decode())
            self.log.append((method.decode(), path.decode(), wanted.group(1).decode() if wanted else "", fault))
        body = a.read(length)
        if self.latency:
            time.sleep(self.latency)
        if fault == "refuse":
            return False
        if fault in ("503", "500"):
            text = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            client.sendall(b"HTTP/1.1 %s X\r\nContent-Length: %d\r\n\r\n" % (fault.encode(), len(text)))
            if method != b"HEAD":
                client.sendall(text)
            return True
        if fault == "delay":
            time.sleep(0.2)
        with socket.create_connection(self.upstream) as server:  # some servers close after each answer
            server.sendall(head + body)
            return self.answer(client, server.makefile("rb"), method, fault)

    def answer(self, client, b, method, fault):
        message = read_message(b)
        if message is None:
            return False
        head, length = message
        if method == b"HEAD" or b" 204 " in head[:20] or b" 304 " in head[:20]:
            length = 0
        if fault == "etag":
            head = re.sub(rb"(?im)^etag:.*$", b'ETag: "another"\r', head)
        body = None
        if fault == "short" and length > 1:
            body = b.read(length)[:length // 2]
            head = re.sub(rb"(?im)^content-length:.*$", b"Content-Length: %d\r" % len(body), head)
            head = re.sub(rb"(?im)^(content-range: bytes (\d+))-\d+",
                          lambda m: b"%s-%d" % (m.group(1), int(m.group(2)) + len(body) - 1), head)
        head = re.sub(rb"(?im)^connection:.*\r\n", b"", head)
        head = head.replace(b"HTTP/1.0 ", b"HTTP/1.1 ", 1)
        client.sendall(head)
        if body is not None:
            client.sendall(body)
            return True
        if fault in ("drip", "stall"):
            return self.slowly(client, b, length, fault)
        left = (length + 1) // 2 if fault == "cut" else length
        while left:
            piece = b.read1(min(left, 1 << 18))
            if not piece:
                return False
            client.sendall(piece)
            left -= len(piece)
        return fault != "cut"

    def slowly(self, client, b, length, fault):
        data = b.read(length)
        for i in range(600):
            if self.ending or i >= length:
                break
            if fault == "drip":
                client.sendall(data[i:i + 1])
            time.sleep(0.1)
        return False
