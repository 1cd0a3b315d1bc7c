"""A cloud to be measured: started fresh, asked over HTTP. Standard library only; loopback only."""
import http.client
import json
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Cloud:
    """A running cloud and a connection to it for each thread."""

    def __init__(self, binary, state, *options):
        """Starts `ferrostack up` with these options in that directory."""
        self.local = threading.local()
        self.token = None
        started = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "--state", state, "up", *options, "--listen", "127.0.0.1:0", "--log", "error"],
            stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            sys.exit("the cloud did not start")
        up = json.loads((pathlib.Path(state) / "up.json").read_text())
        self.address = up["url"].removeprefix("http://")
        self.password = (pathlib.Path(state) / "secrets/admin-password").read_text().strip()
        self.token = self.log_in()
        self.call("GET", "/compute/v2.1/servers")
        self.start_seconds = time.monotonic() - started

    def call(self, method, path, body=None, headers=None, raw=None, parse=True):
        """Asks, and answers the response and its JSON, which costs as much as the answer where that is long."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(self.address)
            connection.connect()
            connection.sock.setsockopt(6, 1, 1)
        sent = {"X-Auth-Token": self.token or "", "Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, raw if raw is not None else (json.dumps(body) if body else None), sent)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status} {data[:500]}")
        return answer, (json.loads(data) if parse and data[:1] in (b"{", b"[") else None)

    def auth(self, identity):
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        answer, _ = self.call("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        return answer.getheader("X-Subject-Token")

    def log_in(self):
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        return self.auth({"methods": ["password"], "password": {"user": user}})

    def cpu_seconds(self):
        """The CPU time of the server's process with all its threads, to the nanosecond: its clock, as Linux numbers it."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def memory_mib(self):
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def create(cloud, image, flavor, network, name):
    """Creates a server and returns the seconds until it is ACTIVE."""
    body = {"server": {"name": name, "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}}
    started = time.monotonic()
    _, made = cloud.call("POST", "/compute/v2.1/servers", body)
    path = f"/compute/v2.1/servers/{made['server']['id']}"
    while True:
        _, server = cloud.call("GET", path)
        if server["server"]["status"] == "ACTIVE":
            return time.monotonic() - started
        if server["server"]["status"] == "ERROR":
            sys.exit(f"a server failed: {server['server'].get('fault')}")
        time.sleep(0.002)
