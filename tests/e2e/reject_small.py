"""Numbers of docs/errors.md that no net tells in which people trade: of two markets without a margin
engine, whose two nodes end and come back as the walk likes. test_rejects.py tells it."""
import contextlib
import os

from clients_lib import Client, Failed, Nodes, TOLD, Trader, check, closing, trader, wire, within

GENESIS = {"expiries_max": 0, "commands_per_frame_max": 255}
SETTINGS = ("clients.limits.orders_burst=100000", "clients.limits.orders_per_second=100000")


class Small:
    def __init__(self, work, *programs):
        os.mkdir(work)
        self.nodes = Nodes(work, *programs, nodes=2, markets=2, genesis=GENESIS, settings=SETTINGS)
        self.cancel = trader.Command(mass_cancel=trader.MassCancel())

    def up(self):
        """All that do not run."""
        for index in range(2):
            if "node-%d" % index not in self.nodes.running:
                self.nodes.start(index)
        for index in range(2):
            within(60, "node-%d is ready" % index, lambda: self.metric(index, "tenor_ready") == 1)

    def metric(self, index, name):
        with contextlib.suppress(OSError):  # it begins
            return self.nodes.metric(index, name)

    def connect(self, index=0):
        with contextlib.suppress(OSError, Failed):
            client = Client(self.nodes, self.alice, index)
            answer = client.hear("logon_ack", "error", request=client.request(
                logon=client.logon_message(heartbeat_ms=60000)))
            if isinstance(answer, wire.LogonAck):
                client.account = answer.account
                self.alice.nonce = max(self.alice.nonce, answer.nonce_top)
                return client
            client.cut()

    def walk(self):
        self.up()
        self.nodes.tenor("--key", "alice", "faucet", "1000")
        self.alice = Trader(self.nodes, "alice")
        client = self.connect()
        check(client is not None, "alice cannot log on")
        with closing(client):
            self.margin(client)
            within(60, "705: too much is under way to the other market", lambda: self.remits(client))
        within(60, "30008: a fifth proof of one connection", self.proofs)
        within(240, "50002: a leader that was restarted leads no more", self.restarted)
        self.up()
        self.nodes.stop()

    def margin(self, client):
        """900: what only a margin engine knows."""
        final = client.trade(
            trader.Command(model=trader.Model(model=1)),
            trader.Command(bid=trader.Bid(account=1, state=2, share_ppb=1, price_most=1)))
        told = [event.reject for event in final.events]
        check(told == [900, 900], "a market without a margin engine says %s", told)

    def remits(self, client):
        """As many as 512 are under way to a market, until it hears of them: some blocks."""
        client.ask("cluster", get_cluster=wire.GetCluster())  # the term of now
        remit = trader.Command(remit=trader.Remit(to_market=2, amount=1))
        for request in [client.request(frame=client.signed(client.payload([remit] * 255),
                                                           wait=wire.FINAL)) for _ in range(4)]:
            client.hear("frame_final", "frame_reverted", "error", request=request)
        return 705 in TOLD

    def proofs(self):
        """Four of a connection wait for a checkpoint, which comes each 64 blocks."""
        client = self.connect()
        if client is None:
            return False
        with closing(client):
            for _ in range(40):
                client.request(get_proof=wire.GetProof(market=1, account=client.account))
            client.drain(0.5)
        return 30008 in TOLD

    def restarted(self):
        """A leader never goes on with a term in which it has sealed before it ended: it resigns, which
        nobody hears, as the other node is gone. False: another one led by then."""
        self.up()
        client = within(60, "alice logs on", self.connect)
        with closing(client):
            client.trade(self.cancel)
            leader = client.ask("cluster", get_cluster=wire.GetCluster()).markets[0].leader - 1
        for index in (1 - leader, leader):
            self.nodes.kill(index)
        self.nodes.start(leader)
        client = within(60, "alice logs on at node-%d alone" % leader, lambda: self.connect(leader))
        with closing(client):
            client.request(frame=client.signed(client.payload([self.cancel])))
            client.drain(1)
        return 50002 in TOLD


def walk(work, *programs):
    small = Small(work, *programs)
    try:
        small.walk()
    except (Failed, OSError) as why:
        logs = "".join("-- node-%d\n%s" % (index, small.nodes.log("node-%d" % index)[-1500:])
                       for index in range(2))
        return ["the small net: %s\n%s" % (why, logs)]
    finally:
        small.nodes.clean_up()
    return []
