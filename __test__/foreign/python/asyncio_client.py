"""python-socketio's client for asyncio: `asyncio_client.py PORT TRANSPORT`. Prints a line for each thing that held."""

import asyncio
import sys

import socketio

URL = f"http://127.0.0.1:{sys.argv[1]}"
TRANSPORTS = sys.argv[2].split(",")
WAIT = 60
BYTES = bytes([0, 1, 127, 128, 255])


class Client:
    """A client whose events are taken one by one, each by its namespace and name."""

    def __init__(self, namespaces=("/",), token="good", **options):
        self.io = socketio.AsyncClient(reconnection_delay=0.01, randomization_factor=0, **options)
        self.namespaces = list(namespaces)
        self.token = token
        self.queues = {}
        for namespace in namespaces:
            for name in ("welcome", "echo", "answered", "said", "connect_error", "disconnect"):
                self.io.on(name, self.into(namespace, name), namespace=namespace)
            self.io.on("question", lambda question: (question, BYTES), namespace=namespace)

    async def connect(self):
        await self.io.connect(
            URL,
            auth={"token": self.token},
            namespaces=self.namespaces,
            transports=TRANSPORTS,
            wait_timeout=WAIT,
        )
        return self

    def into(self, namespace, name):
        events = self.queues[(namespace, name)] = asyncio.Queue()

        async def put(*args):
            await events.put(args)

        return put

    async def next(self, name, namespace="/"):
        return await asyncio.wait_for(self.queues[(namespace, name)].get(), WAIT)

    async def ask(self, name, *args, namespace="/"):
        return await self.io.call(name, args, namespace=namespace, timeout=WAIT)


async def events(client):
    (welcome,) = await client.next("welcome")
    assert welcome == {"id": client.io.get_sid(), "namespace": "/", "token": "good"}, welcome
    values = ("ä€😀", 1.5, None, True, [], {}, {"a": [{"b": "\n\u2028"}]})
    await client.io.emit("echo", values)
    assert await client.next("echo") == values


async def acks(client):
    assert await client.ask("echo", "a") == "a"
    assert tuple(await client.ask("echo", "a", 2)) == ("a", 2)
    # Of polling it takes 16 packets at once.
    answers = await asyncio.gather(*(client.ask("echo", n) for n in range(10)))
    assert answers == list(range(10))
    await client.io.emit("ask me", "why")
    assert await client.next("answered") == ("why", BYTES)


async def binary(client):
    await client.io.emit("echo", (BYTES, {"deep": [BYTES], "empty": b""}))
    assert await client.next("echo") == (BYTES, {"deep": [BYTES], "empty": b""})
    assert await client.ask("echo", b"x" * 40_000) == b"x" * 40_000


async def rooms(client):
    other = await Client().connect()
    for each in (client, other):
        await each.ask("join", "r")
    await client.io.emit("say", ("r", "hello", BYTES))
    assert await client.next("said") == await other.next("said") == ("hello", BYTES)
    await client.io.emit("say to the others", ("r", "others"))
    assert await other.next("said") == ("others",)
    await other.ask("leave", "r")
    await client.io.emit("say", ("r", "last"))
    assert await client.next("said") == ("last",)
    await other.ask("echo", 1)
    assert other.queues[("/", "said")].empty()
    await other.io.disconnect()


async def namespaces(_):
    both = await Client(namespaces=("/", "/other")).connect()
    ids = [(await both.next("welcome", namespace=name))[0]["id"] for name in ("/", "/other")]
    assert ids[0] != ids[1]
    assert await both.ask("echo", "x", namespace="/other") == "x"
    await both.io.emit("kick", namespace="/other")
    await both.next("disconnect", namespace="/other")
    assert await both.ask("echo", "still here") == "still here"
    await both.io.disconnect()


async def auth(_):
    refused = Client(token="bad", reconnection=False)
    try:
        await refused.connect()
    except socketio.exceptions.ConnectionError:
        assert await refused.next("connect_error") == ({"message": "not welcome", "data": {"code": 7}},)
    else:
        raise AssertionError("it was let in")


async def reconnect(client):
    before = client.io.get_sid()
    await client.io.emit("cut")
    await client.next("disconnect")
    (welcome,) = await client.next("welcome")
    assert welcome["id"] == client.io.get_sid() != before
    assert await client.ask("echo", 1) == 1


async def main():
    client = await Client().connect()
    # Over polling it is told that the connection closes, and takes that for the end.
    checks = (events, acks, binary, rooms, namespaces, auth, *((reconnect,) if "websocket" in TRANSPORTS else ()))
    for check in checks:
        await check(client)
        print(check.__name__, flush=True)
    await client.io.disconnect()


asyncio.run(main())
