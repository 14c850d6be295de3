"""Ports for servers of tests."""
import contextlib
import random
import socket

CHANCE = random.SystemRandom()  # not that which tests may seed: then two of them would choose alike


def free_port():
    """Below those that the kernel gives to connections: nobody's connection takes it between two lives of a server."""
    while True:
        with socket.socket() as sock:
            port = CHANCE.randrange(10000, 32000)
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                return port
