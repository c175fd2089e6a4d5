"""What becomes of the orders of clients that are lost, or silent for too long: stories of test_clients.py,
told with the Python client and with a program on the client library."""
import os
import signal
import time

from clients_lib import Client, Trader, check, closing, trader, wire, within

SILENT_BLOCKS = 40  # then a client is taken for dead
LABEL = 7           # of the orders that go; LABEL + 1 has those that stay


def taken_for_dead(nodes, node):
    return nodes.metric(node, "tenor_gateway_standby_dead_man_total")


def is_void(client):
    """Was a standby frame given back? Its term is over: another one is to be signed."""
    given_back = [one for one in client.heard if one[1] == "standby_void"]
    client.heard = [one for one in client.heard if one[1] != "standby_void"]
    if given_back:
        client.ask("cluster", get_cluster=wire.GetCluster())
    return bool(given_back)


def who_is_silent_for_so_many_blocks_is_taken_for_dead(world):
    nodes, node = world.nodes, world.witness_node
    client = Client(nodes, world.alice, node).logon(heartbeat_ms=60000)
    dead_before = taken_for_dead(nodes, node)

    def pong():
        return client.ask("pong", ping=wire.Ping()).height

    def talks():
        """Says a word in every few blocks, for twice as long as it may be silent. False: this
        program had to wait for so long itself, or the leader changed; once more."""
        client.trade(world.cancel_all(), world.order(), world.order())
        client.guard(dead_man_blocks=SILENT_BLOCKS)
        begin = last = pong()
        while last < begin + 2 * SILENT_BLOCKS:
            client.drain(0.02)
            world.stay()
            height = pong()
            if height - last >= SILENT_BLOCKS or is_void(client):
                world.alice.nonce += 64
                return False
            last = height
        rest = len(client.orders(client.account))
        if pong() - last >= SILENT_BLOCKS:
            world.alice.nonce += 64
            return False
        check(rest == 2, "%d of 2 orders rest although their client was not silent", rest)
        return True

    with closing(client):
        within(120, "a client that is never silent for long", talks)
        nonce, height = client.guard(dead_man_blocks=SILENT_BLOCKS), pong()

        def silent():
            """Nothing more is said, but to sign anew when the leader has changed."""
            nonlocal nonce, height
            client.drain(0.05)
            if is_void(client):
                nonce, height = client.guard(dead_man_blocks=SILENT_BLOCKS), pong()
            return world.no_orders()
        within(120, "the orders of who is silent go", silent)
        world.alice.nonce = max(world.alice.nonce, nonce)
        within(60, "it is counted", lambda: taken_for_dead(nodes, node) > dead_before)
        final = client.trade(world.order())  # it is still logged on
        within(60, "its stream tells what the standby frame did",
               lambda: client.drain(0.05) or blocks_of(client, nonce))
        block = blocks_of(client, nonce)[0]
        check(block >= height + SILENT_BLOCKS, "last heard at %d, it was taken for dead by block %d",
              height, block)
        check(block < final.block, "the standby frame came late")
        client.trade(world.cancel_all())
    return "silent from block %d, its orders gone in block %d" % (height, block)


def blocks_of(client, nonce):
    """Where the account's stream tells of that frame."""
    told = (wire.AccountMessage.FromString(data) for _, data in client.stream)
    return [message.at.block for message in told if message.nonce == nonce]


class Guarded:
    """The program client_guarded, as carol."""

    def __init__(self, world, program, node):
        nodes = world.nodes
        nodes.tenor("--key", "carol", "faucet", "1000000")
        carol = Trader(nodes, "carol")
        client = Client(nodes, carol, node).logon()
        with closing(client):
            self.account = client.account
        self.world, self.nodes = world, nodes
        key = os.path.join(nodes.work, "carol.session.key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
            out.write("%064x\n" % carol.session.secret.private_numbers().private_value)
        self.words = [program, nodes.folder, str(node), key, str(carol.session.id),
                      str(world.perpetual.series_id), str(world.order().place.price), str(LABEL),
                      str(SILENT_BLOCKS)]
        self.start()

    def start(self):
        """Orders of both labels rest, and the node holds a standby frame, which it got before them."""
        self.said_before = len(self.nodes.log("guarded").split()) if hasattr(self, "process") else 0
        self.nodes.spawn("guarded", self.words)
        self.process = self.nodes.running["guarded"]
        within(60, "it has placed its orders", lambda: self.count("rests") == 1)
        check(self.count("held") > 0 and self.labels()[1] > 0, "it says: %s", self.nodes.log("guarded"))

    def count(self, word):
        """How often it has said so since it was started."""
        check(self.process.poll() is None, "it ended: %s", self.nodes.log("guarded"))
        return self.nodes.log("guarded").split()[self.said_before:].count(word)

    def labels(self):
        """How many of its orders rest, and how many of the other label."""
        found = [order.label for order in self.world.probe.orders(self.account)]
        return found.count(LABEL), found.count(LABEL + 1)

    def are_gone(self):
        """Its orders, and no others. After a while: no. On a crowded machine its node may hold no
        standby frame just now: the leader changed, or it was taken for dead a moment ago."""
        until, (_, others) = time.monotonic() + 20, self.labels()
        while (labels := self.labels())[0] > 0:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
            self.world.stay()
        check(labels == (0, others), "of its orders rest %d, of others %d of %d", *labels, others)
        return True

    def stands_still(self):
        """It says nothing, and its connection does not break."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            return self.are_gone()
        finally:
            self.process.send_signal(signal.SIGCONT)

    def is_killed(self):
        """The kernel ends its connection, without a word to the node but that."""
        self.nodes.running.pop("guarded")
        self.process.kill()
        self.process.wait()
        return self.are_gone()


def who_shares_an_account_loses_his_own_orders_alone(world, program):
    node = world.witness_node
    dead_before = taken_for_dead(world.nodes, node)
    bot = Guarded(world, program, node)
    within(240, "the orders of a client that stands still go", bot.stands_still)
    within(60, "it is counted", lambda: taken_for_dead(world.nodes, node) > dead_before)
    within(60, "it wakes, and its node holds another standby frame", lambda: bot.count("held") > 1)
    bot.process.send_signal(signal.SIGUSR1)
    within(60, "it has placed orders again", lambda: bot.count("rests") == 2)
    within(240, "the orders of a client that is killed go",
           lambda: bot.is_killed() or bot.start())
    others = bot.labels()[1]
    check(others >= 2, "of the other label rest %d", others)
    return "%d orders of the other label still rest" % others
