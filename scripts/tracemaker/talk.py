"""Clients and servers: each runs on sockets of its host's namespace."""

import contextlib
import http.client
import http.server
import socket
import struct
import threading
import time

import kernel
from net import Failed

PATTERN = b"".join(b"%07d\n" % number for number in range(8192))


def payload(size):
    """Text of a given length that tells where in the stream it stands."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


class Running(threading.Thread):
    """A thread whose failure is raised where it is joined."""

    def __init__(self, target, *arguments):
        super().__init__(daemon=True)
        self.target, self.arguments, self.failure = target, arguments, None
        self.start()

    def run(self):
        try:
            self.target(*self.arguments)
        except BaseException as failure:
            self.failure = failure

    def end(self, patience=40):
        """Waits for the thread."""
        self.join(patience)
        if self.is_alive():
            raise Failed("a thread did not end")
        if self.failure is not None:
            raise self.failure


def read_all(connection):
    """Reads to the peer's end of the stream; the number of bytes."""
    total = 0
    while got := connection.recv(65536):
        total += len(got)
    return total


def connect(net, port, v6=False, source=None, prepare=None):
    """A connection from host a to host b."""
    made = net.a.tcp(v6)
    if prepare:
        prepare(made)
    if source:
        made.bind((net.a.address(v6), source))
    made.connect((net.b.address(v6), port))
    return made


def listen(net, port, v6=False, prepare=None):
    """A listening socket on host b."""
    made = net.b.tcp(v6)
    if prepare:
        prepare(made)
    made.bind((net.b.address(v6), port))
    made.listen(64)
    return made


def conversation(net, client, server, port=8000, v6=False, source=None, prepare=None, prepare_server=None):
    """One connection: `client` and `server` each get their socket, in threads of their own."""
    with listen(net, port, v6, prepare_server) as listener:

        def serve():
            accepted, _ = listener.accept()
            accepted.settimeout(30)
            server(accepted)

        served = Running(serve)
        made = connect(net, port, v6, source, prepare)
        made.settimeout(30)
        client(made)
        served.end()


def ends_with_witness(net, place):
    """A way to end a connection that keeps the kernel's word for it."""

    def end(connection, ends=None):
        net.witness(place, kernel.finish(connection, ends))

    return end


def upload(net, size, v6=False, port=8000, source=None):
    """Host a sends `size` bytes to host b; both kernels are asked at the end."""

    def client(connection):
        connection.sendall(payload(size))
        ends_with_witness(net, "a")(connection)

    def server(connection):
        if read_all(connection) != size:
            raise Failed("the upload arrived short")
        ends_with_witness(net, "b")(connection)

    conversation(net, client, server, port, v6, source)


def download(net, size, v6=False, port=8000):
    """Host b sends `size` bytes to host a after a one-line request."""

    def client(connection):
        connection.sendall(b"send\n")
        if read_all(connection) != size:
            raise Failed("the download arrived short")
        ends_with_witness(net, "a")(connection)

    def server(connection):
        connection.recv(100)
        connection.sendall(payload(size))
        ends_with_witness(net, "b")(connection)

    conversation(net, client, server, port, v6)


def ping_pong(net, rounds=5, size=200, v6=False, port=8000, **settings):
    """A small two-way exchange that ends by FINs from both sides."""

    def client(connection):
        for _ in range(rounds):
            connection.sendall(payload(size))
            connection.recv(65536)
        ends_with_witness(net, "a")(connection)

    def server(connection):
        while got := connection.recv(65536):
            connection.sendall(payload(len(got) * 2))
        ends_with_witness(net, "b")(connection)

    conversation(net, client, server, port, v6, **settings)


class Pages(http.server.BaseHTTPRequestHandler):
    """GET /N answers N bytes; POST answers the number of bytes it got; else 404."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def answer(self, status, body):
        """One whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        size = self.path.lstrip("/")
        self.answer(200, payload(int(size))) if size.isdigit() else self.answer(404, b"no such page\n")

    do_HEAD = do_GET

    def do_POST(self):
        got = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"%d bytes\n" % len(got))

    def version_string(self):
        return "traces"

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """An HTTP server on a socket that is there already; the kernel is asked when a connection ends."""

    daemon_threads = False

    def __init__(self, net, listener):
        super().__init__(listener.getsockname()[:2], Pages, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.net = net

    def shutdown_request(self, request):
        try:
            told = kernel.finish(request)
        except OSError:
            # The client has reset the connection before it could be asked.
            request.close()
            return
        self.net.witness("b", told)

    def handle_error(self, request, client_address):
        """A client that goes away is part of the traffic."""


@contextlib.contextmanager
def http_server(net, port=80, v6=False):
    """An HTTP server on host b while the block runs; leaves when all its connections have ended."""
    listener = listen(net, port, v6)
    listener.settimeout(None)
    server = Server(net, listener)
    running = Running(server.serve_forever, 0.05)
    try:
        yield
    finally:
        server.shutdown()
        running.end()
        server.server_close()


def url(net, path, v6=False, port=80):
    """The address of a page on host b."""
    host = f"[{net.b.ip6}]" if v6 else net.b.ip4
    return f"http://{host}:{port}/{path}"


def curl(net, *arguments):
    """A real browser's library: curl on host a, answers thrown away."""
    net.a.run("curl", "-sS", "--max-time", "30", "-o", "/dev/null", *arguments)


def browse(net, v6=False, port=80):
    """Requests as people make them: kept alive, one for each connection, HEAD, POST, and a page that is not there."""
    several = []
    for size in (120, 2000, 9000):
        several += [url(net, size, v6, port), "-o", "/dev/null"]
    curl(net, *several[:-2])
    for size in (10, 3000):
        curl(net, "--http1.0", url(net, size, v6, port))
    curl(net, "--head", url(net, 400, v6, port))
    curl(net, "--data", "a=" + "x" * 4000, url(net, "form", v6, port))
    curl(net, url(net, "nothing", v6, port))


def pages_one_by_one(net, count, size, v6=False, port=80):
    """A client of ours: a new connection for each page; the kernel is asked at both ends."""
    for number in range(count):
        made = connect(net, port, v6)
        client = http.client.HTTPConnection(net.b.address(v6), port)
        # The library closes its socket itself, so it gets a copy: the kernel is asked on ours.
        client.sock = made.dup()
        client.request("GET", f"/{size + number}", headers={"Connection": "close"})
        client.getresponse().read()
        net.witness("a", kernel.finish(made))


def dns_name(name):
    """A name as DNS writes it."""
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def dns_query(number, name, kind):
    """A question; kind 1 is A, 28 is AAAA."""
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack(">HH", kind, 1)


def dns_answer(query):
    """The answer to a question: one made-up address."""
    question = query[12:]
    address = bytes(12) + b"\xc0\x00\x02\x07" if question[-3] == 28 else b"\xc0\x00\x02\x07"
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
    record = b"\xc0\x0c" + question[-4:] + struct.pack(">IH", 60, len(address)) + address
    return head + question + record


@contextlib.contextmanager
def dns_server(net, v6=False, port=53):
    """Answers questions on host b, but none for names that begin with `lost`."""
    with net.b.udp(v6) as server:
        server.bind((net.b.address(v6), port))
        server.settimeout(0.1)
        ending = threading.Event()

        def serve():
            while not ending.is_set():
                with contextlib.suppress(TimeoutError):
                    query, asker = server.recvfrom(2000)
                    if b"\x04lost" not in query:
                        server.sendto(dns_answer(query), asker)

        running = Running(serve)
        try:
            yield
        finally:
            ending.set()
            running.end()


def resolve(net, name, v6=False, tries=2, patience=0.4, number=7):
    """Asks for A and AAAA from one socket, again after `patience` without an answer."""
    with net.a.udp(v6) as asker:
        asker.settimeout(patience)
        for kind in (1, 28):
            for _ in range(tries):
                asker.sendto(dns_query(number + kind, name, kind), (net.b.address(v6), 53))
                try:
                    asker.recvfrom(2000)
                    break
                except TimeoutError:
                    continue


def reset(connection):
    """Ends a connection by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def pause(seconds):
    """Silence on the wire."""
    time.sleep(seconds)
