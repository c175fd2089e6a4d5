"""A node that is in no set: a home by `tenord init`, as docs/operating.md says it (Join a set), beside
the nodes of clients_lib.py."""
import os
import shutil


class Newcomer:
    """Its peers are all those nodes, and it is theirs; to be made before they are started."""

    def __init__(self, nodes):
        self.nodes, self.index = nodes, nodes.count
        self.home = os.path.join(nodes.folder, "node-%d" % self.index)
        self.port = nodes.base + self.index
        nodes.run([nodes.tenord, "init", "--home", self.home, "--name", "newcomer", "--listen",
                   "127.0.0.1:%d" % self.port, "--clients", "127.0.0.1:%d" % (self.port + 100)])
        for name in ("genesis.conf", "set.conf"):
            shutil.copy(os.path.join(nodes.folder, "node-0", name), self.home)
        self.key, self.address = self.key_of(self.home)
        for index in range(nodes.count):
            other = os.path.join(nodes.folder, "node-%d" % index)
            self.add_peer(other, self.port, self.key, self.home + "/identity.crt")
            self.add_peer(self.home, nodes.base + index, self.key_of(other)[0],
                          "%s/node-%d.crt" % (nodes.folder, index))
        nodes.run([nodes.tenord, "config", "check", "--home", self.home])

    def key_of(self, home):
        """The public key and the address of a home's vote key, in hex."""
        words = self.nodes.run([self.nodes.tenord, "key", "show", home + "/vote.key"]).split()
        return words[1], words[3].removeprefix("0x")

    def add_peer(self, home, port, key, certificate):
        name = "peer-%s.crt" % key[:8]
        shutil.copy(certificate, os.path.join(home, name))
        with open(home + "/tenord.toml", "a") as settings:
            settings.write('\n[[peer]]\nkey = "%s"\naddress = "127.0.0.1:%d"\ncertificate = "%s"\n' % (
                key, port, name))

    def start(self):
        """With metrics where those of the other nodes are."""
        self.nodes.spawn("node-%d" % self.index, [
            self.nodes.tenord, "start", "--home", self.home, "log.format=logfmt", "log.blocks=false",
            "metrics.listen=127.0.0.1:%d" % (self.nodes.base + 200 + self.index)])
