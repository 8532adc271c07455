"""python-socketio's synchronous client: `sync_client.py PORT TRANSPORT`. Prints a line for each thing that held."""

import queue
import sys

import socketio

URL = f"http://127.0.0.1:{sys.argv[1]}"
TRANSPORTS = sys.argv[2].split(",")
WAIT = 60
BYTES = bytes([0, 1, 127, 128, 255])


class Client:
    """A client whose events are taken one by one, each by its namespace and name."""

    def __init__(self, namespaces=("/",), token="good", **options):
        self.io = socketio.Client(reconnection_delay=0.01, randomization_factor=0, **options)
        self.queues = {}
        for namespace in namespaces:
            for name in ("welcome", "echo", "answered", "said", "connect_error", "disconnect"):
                self.io.on(name, self.into(namespace, name), namespace=namespace)
            self.io.on("question", lambda question: (question, BYTES), namespace=namespace)
        self.namespaces = list(namespaces)
        self.token = token

    def connect(self):
        self.io.connect(
            URL,
            auth={"token": self.token},
            namespaces=self.namespaces,
            transports=TRANSPORTS,
            wait_timeout=WAIT,
        )
        return self

    def into(self, namespace, name):
        events = self.queues[(namespace, name)] = queue.Queue()
        return lambda *args: events.put(args)

    def next(self, name, namespace="/"):
        return self.queues[(namespace, name)].get(timeout=WAIT)

    def ask(self, name, *args, namespace="/"):
        return self.io.call(name, args, namespace=namespace, timeout=WAIT)


def events(client):
    (welcome,) = client.next("welcome")
    assert welcome == {"id": client.io.get_sid(), "namespace": "/", "token": "good"}, welcome
    values = ("ä€😀", 1.5, None, True, [], {}, {"a": [{"b": "\n\u2028"}]})
    client.io.emit("echo", values)
    assert client.next("echo") == values


def acks(client):
    assert client.ask("echo", "a") == "a"
    assert tuple(client.ask("echo", "a", 2)) == ("a", 2)
    client.io.emit("ask me", "why")
    assert client.next("answered") == ("why", BYTES)


def binary(client):
    client.io.emit("echo", (BYTES, {"deep": [BYTES], "empty": b""}))
    assert client.next("echo") == (BYTES, {"deep": [BYTES], "empty": b""})
    assert client.ask("echo", b"x" * 40_000) == b"x" * 40_000


def rooms(client):
    other = Client().connect()
    for each in (client, other):
        each.ask("join", "r")
    client.io.emit("say", ("r", "hello", BYTES))
    assert client.next("said") == other.next("said") == ("hello", BYTES)
    client.io.emit("say to the others", ("r", "others"))
    assert other.next("said") == ("others",)
    other.ask("leave", "r")
    client.io.emit("say", ("r", "last"))
    assert client.next("said") == ("last",)
    other.ask("echo", 1)
    assert other.queues[("/", "said")].empty()
    other.io.disconnect()


def namespaces(_):
    both = Client(namespaces=("/", "/other")).connect()
    ids = [both.next("welcome", namespace=name)[0]["id"] for name in ("/", "/other")]
    assert ids[0] != ids[1]
    assert both.ask("echo", "x", namespace="/other") == "x"
    both.io.emit("kick", namespace="/other")
    both.next("disconnect", namespace="/other")
    assert both.ask("echo", "still here") == "still here"
    both.io.disconnect()


def auth(_):
    refused = Client(token="bad", reconnection=False)
    try:
        refused.connect()
    except socketio.exceptions.ConnectionError:
        assert refused.next("connect_error") == ({"message": "not welcome", "data": {"code": 7}},)
    else:
        raise AssertionError("it was let in")


def reconnect(client):
    before = client.io.get_sid()
    client.io.emit("cut")
    client.next("disconnect")
    (welcome,) = client.next("welcome")
    assert welcome["id"] == client.io.get_sid() != before
    assert client.ask("echo", 1) == 1


client = Client().connect()
# Over polling it is told that the connection closes, and takes that for the end.
checks = (events, acks, binary, rooms, namespaces, auth, *((reconnect,) if "websocket" in TRANSPORTS else ()))
for check in checks:
    check(client)
    print(check.__name__, flush=True)
client.io.disconnect()
