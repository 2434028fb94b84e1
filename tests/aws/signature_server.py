# SPDX-License-Identifier: MIT
"""Computes the signature of each request anew, with botocore and from the bytes that came, on a free loopback port, which it
prints. 200: it is the same. 403: it is not; the body says how botocore read the request. Ends when its standard input does."""
import hashlib
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)


def complaint(method, target, headers, body):
    """Why the request is not to be accepted; None if it is."""
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        return "no Authorization header, or one of another form"
    key, day, region, service, names, signature = found.groups()
    names = names.split(";")
    for name in headers:
        if (name in ("host", "content-type") or name.startswith("x-amz-")) and name not in names:
            return f"{name} is not signed"
    if not headers["x-amz-date"].startswith(day):
        return "the day of the key is not the request's"
    if service == "s3" and headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return "x-amz-content-sha256 is not that of the body"
    request = AWSRequest(
        method=method,
        url="http://" + headers["host"] + target,
        data=body,
        headers={name: headers[name] for name in names if name != "host"},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key, SECRET), service, region)
    canonical = signer.canonical_request(request)
    if signer.signature(signer.string_to_sign(request, canonical), request) != signature:
        return "botocore signs another request:\n" + canonical
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer in one piece, or each waits for an acknowledgement

    def answer(self):
        method, target, _ = self.requestline.split(" ")
        # Names and values as bytes are read as UTF-8 by AWS and by botocore.
        headers = {name.lower(): value.encode("latin-1").decode() for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        wrong = complaint(method, target, headers, body)
        text = (wrong or "{}").encode()
        self.send_response(403 if wrong else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
