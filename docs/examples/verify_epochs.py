#!/usr/bin/env python3
"""Leads from a set of sequencers that you know to the one that has signed, over all changes.

    verify_epochs.py SEQUENCERS CERTIFICATE >LATER

SEQUENCERS is as for verify_account.py, which must lie beside this file; a set later than the first
end in CERTIFICATE says whose it is by a line `epoch N`. CERTIFICATE comes from anybody (`tenor
proof get`; --from-epoch N for that set): the end of each epoch, and what was signed at last. Each
set has signed the last block of its epoch, and the block names the next set. Prints the last one as
such a file, for verify_account.py and to begin with the next time, and the root that it has signed,
for verify_proof.py; or the step that failed, and where. Format: docs/specs/sequencer.md, 6.1.
"""
import sys

from verify_account import keccak, need, number, put, quorum, signed_root

HEADER = 229  # bytes of a block's; docs/specs/stream.md, 8
EPOCH_FINAL, SEAL, FINALIZE = 2, 4, 3


def split(data):
    """The ends of epochs, and the certificate behind them."""
    ends = []
    while data[:1] == b"\0":
        size = number(data[:4])
        need(4 + size <= len(data), "SIZE")
        ends.append(data[4:4 + size])
        data = data[4 + size:]
    return ends, data


def certificate_of(end):
    """A HANDOVER's headers end where its certificate begins; the next set stands behind that."""
    at = 4 + HEADER * number(end[2:4])
    need(end[:2] == b"\5\3" and at > 4 and len(end) >= at + 50, "HANDOVER")
    need(end[at] == 3 and end[at + 9] == FINALIZE, "HANDOVER")
    return end[4:at], end[at:]


def named_set(chain, headers, certificate):
    """The hash of the next set: from the block that is final over seals to the epoch's last one."""
    epoch, view, block = certificate[1:9], certificate[10:18], certificate[18:50]
    for at in range(0, len(headers), HEADER):
        header = headers[at:at + HEADER]
        flag = EPOCH_FINAL if at + HEADER == len(headers) else SEAL
        need(keccak(b"TNSX1H" + chain + header) == block, "HEADERS")
        need(header[3:19] == epoch + view and header[2] & (EPOCH_FINAL | SEAL) == flag, "HEADERS")
        view, block = header[27:35], header[35:67]
    return header[197:]


def next_set(words, chain, epoch, end):
    """The lines of the set after an epoch, whose own set those of words are."""
    headers, certificate = certificate_of(end)
    members = quorum(words, b"TNSX1V" + chain, certificate, 50)
    named = named_set(chain, headers, certificate)
    need(keccak(b"TNSX1N" + put(epoch + 1, 8) + members) == named, "SET")
    need(len(members) == 2 + 28 * number(members[:2]), "SET")
    return [["validator", members[at:at + 20].hex(), str(number(members[at + 20:at + 28]))]
            for at in range(2, len(members), 28)]


def follow(words, data):
    """The lines of the set that must have signed the certificate, and the certificate."""
    kept = [one for one in words if one[:1] in (["chain"], ["domain"])]
    chain = next((bytes.fromhex(one[1]) for one in kept if one[0] == "chain"), b"")
    epoch = next((int(one[1]) for one in words if one[:1] == ["epoch"]), None)
    ends, certificate = split(data)
    need(len(chain) == 32, "CHAIN")
    need(certificate[:1] == b"\t" and len(certificate) >= 145, "CERTIFICATE")
    until = number(certificate[1:9])
    need(epoch is None or epoch <= until, "EPOCH")
    for end in ends:
        at = number(certificate_of(end)[1][1:9])
        if epoch is None:
            epoch = at
        if epoch <= at < until:  # else it is before what is known, or after what was signed
            try:
                need(at == epoch, "MISSING")
                words = next_set(words, chain, epoch, end)
            except SystemExit as no:
                sys.exit("%s, at the end of epoch %d" % (no, epoch))
            epoch += 1
    if epoch not in (None, until):
        sys.exit("bad proof: MISSING, at the end of epoch %d" % epoch)
    members = [one[:3] for one in words if one[:1] == ["validator"]]
    return [*kept, ["epoch", str(until)], *members], certificate


def main(*paths):
    sequencers, data = (open(path, "rb").read() for path in paths)
    words = [line.split("#")[0].split() for line in sequencers.decode("ascii").splitlines()]
    words, certificate = follow(words, data)
    root = signed_root(words, certificate)
    for line in [*words, ["root", root.hex()], ["height", str(number(certificate[9:17]))]]:
        print(*line)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
