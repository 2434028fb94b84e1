# SPDX-License-Identifier: MIT
"""HTTPS for the name localhost, on a free loopback port, with a certificate of an authority that is made for it. Prints the port
and the file with the authority's certificate. Answers with the number of connections so far. Ends when its standard input does."""
import datetime
import os
import shutil
import socketserver
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(name, issuer_name, issuer_key, key, authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


folder = tempfile.mkdtemp(prefix="sosw-test-")


def write(name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
authority = write("authority.pem", certificate("sosw test", "sosw test", authority_key, authority_key, True))
own = write("own.pem", certificate("localhost", "sosw test", authority_key, key, False))
own_key = write(
    "key.pem",
    key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(own, own_key)
connections = 0


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        global connections
        connections += 1
        try:
            with context.wrap_socket(self.request, server_side=True) as secured:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = secured.recv(65536)
                    if not piece:
                        return
                    request += piece
                body = b'{"connections": %d}' % connections
                secured.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except OSError:  # the client did not like us
            pass


socketserver.TCPServer.allow_reuse_address = True
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
print(authority, flush=True)
sys.stdin.read()
shutil.rmtree(folder, ignore_errors=True)
os._exit(0)
