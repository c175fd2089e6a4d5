#!/usr/bin/env python3
"""A client of `tenord run --solo --listen`: sends a file of entries, and says what was answered.

    node_client.py SOCKET FILE ANSWERS

Sends the whole file, closes its side, and reads until the node closes its own or ANSWERS answers
came. Prints how many there were of each code, the last position, and each sentence once. Ends with
1 when the positions do not rise, or an answer is not what docs/node.md says.
"""
import socket
import sys
import threading

EVENT_BYTES = 88


def main(path, file, answers_max):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    with open(file, "rb") as entries:
        data = entries.read()

    def send():
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it closed on us, which the answers tell

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    count, last, codes, sentences, waiting = 0, 0, [0, 0, 0], set(), b""
    while count < answers_max:
        got = client.recv(1 << 16)
        if not got:
            break
        waiting += got
        at = 0
        while len(waiting) - at >= 4:
            size = int.from_bytes(waiting[at:at + 4], "big")
            if len(waiting) - at - 4 < size:
                break
            body = waiting[at + 4:at + 4 + size]
            position, code = int.from_bytes(body[:8], "big"), body[8]
            codes[code] += 1
            if code == 0:
                if position <= last or (size - 9) % EVENT_BYTES != 0:
                    return f"answer {count}: position {position} after {last}, {size} bytes"
                last = position
            else:
                if position != 0:
                    return f"answer {count}: refused, but with position {position}"
                sentences.add(body[9:].decode())
            count += 1
            at += 4 + size
        waiting = waiting[at:]
    print(f"done={codes[0]} refused={codes[1]} full={codes[2]} last={last}")
    for sentence in sorted(sentences):
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
