"""moto_s3.py -- the peer of bench/s3.py: moto's S3 server with a bucket of many keys, run by the Python of
tests/prove/peers.sh moto.

    moto_s3.py PORT BUCKET COUNT
"""
import sys

import moto.server
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server


def main():
    port, bucket, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    app = moto.server.DomainDispatcherApplication(moto.server.create_backend_app)
    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(bucket, "us-east-1")
    for i in range(count):
        backend.put_object(bucket, f"folder-{i // 10000:02d}/part-{i:08d}.csv", b"1,2,3\n")
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


main()
