#!/usr/bin/python3
"""A relay in front of a node that goes deaf: it passes everything on until the client has sent so
many TLS records of application data, and from then on nothing that the node says.

So a client knows that its last message left, and never hears what became of it.

usage: cut_relay.py NODE_PORT RECORDS     prints the port on which it listens
"""
import selectors
import socket
import sys

APPLICATION_DATA = 23


def count_records(waiting):
    """Whole records at the start of the bytes: how many of application data, how many bytes."""
    count = used = 0
    while len(waiting) - used >= 5:
        size = 5 + int.from_bytes(waiting[used + 3:used + 5], "big")
        if len(waiting) - used < size:
            break
        count += waiting[used] == APPLICATION_DATA
        used += size
    return count, used


def serve(client, node, records):
    poll = selectors.DefaultSelector()
    poll.register(client, selectors.EVENT_READ)
    poll.register(node, selectors.EVENT_READ)
    waiting = b""
    seen = 0
    while True:
        for key, _ in poll.select():
            data = key.fileobj.recv(65536)
            if not data:
                return
            if key.fileobj is node:
                if seen < records:
                    client.sendall(data)
                continue
            waiting += data
            count, used = count_records(waiting)
            waiting = waiting[used:]
            seen += count
            node.sendall(data)


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        node = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        try:
            serve(client, node, int(sys.argv[2]))
        except OSError:
            pass
        client.close()
        node.close()


if __name__ == "__main__":
    main()
