"""A BGP speaker that takes one session at a time, in the families that it is told, and prints each UPDATE as a line of
hex: for families that BIRD does not have. Run as: bgp_sink.py ADDRESS AS AFI/SAFI..."""
import socket
import struct
import sys

OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
MARKER = b"\xff" * 16


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_body(address, number, families):
    capabilities = b"".join(struct.pack("!BBHBB", 1, 4, afi, 0, safi) for afi, safi in families)
    capabilities += struct.pack("!BBI", 65, 4, number)
    parameter = struct.pack("!BB", 2, len(capabilities)) + capabilities
    return struct.pack("!BHH4sB", 4, number, 90, socket.inet_aton(address), len(parameter)) + parameter


def read(link, count):
    data = b""
    while len(data) < count:
        got = link.recv(count - len(data))
        if not got:
            raise ConnectionError
        data += got
    return data


def serve(link, address, number, families):
    link.sendall(message(OPEN, open_body(address, number, families)))
    while True:
        length, kind = struct.unpack("!HB", read(link, 19)[16:])
        body = read(link, length - 19)
        if kind == OPEN:
            link.sendall(message(KEEPALIVE))
        elif kind == KEEPALIVE:
            link.sendall(message(KEEPALIVE))
        elif kind == UPDATE:
            print(body.hex(), flush=True)
        elif kind == NOTIFICATION:
            raise ConnectionError


def main(address, number, *families):
    with socket.create_server((address, 179)) as server:
        while True:
            link, _ = server.accept()
            try:
                serve(link, address, int(number), [tuple(map(int, family.split("/"))) for family in families])
            except (ConnectionError, OSError):
                link.close()


main(*sys.argv[1:])
