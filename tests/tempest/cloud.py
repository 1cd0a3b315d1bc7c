"""The cloud under test: a fresh one, and what the suite wants to find in it."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

# By the type of the service.
LIMITS = {
    "image": {"image_count_total": 200, "image_count_uploading": 200, "image_size_total": 20000, "image_stage_total": 20000},
    "compute": {"servers": 10, "class:VCPU": 20, "class:MEMORY_MB": 51200, "class:DISK_GB": 1000},
}

# What the options of [identity] in tempest.conf promise.
CONFIGURATION = """\
[identity.security_compliance]
lockout_failure_attempts = 2
lockout_duration_seconds = 5
unique_last_password_count = 2
"""


def program():
    """The program: $FERROSTACK, or what was built last, or built now."""
    if given := os.environ.get("FERROSTACK"):
        return given
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for kind in ("release", "debug"):
        if (target / kind / "ferrostack").exists():
            return target / kind / "ferrostack"
    subprocess.run(["cargo", "build", "--quiet", "--package", "ferrostack"], cwd=ROOT, check=True)
    return target / "debug/ferrostack"


class Cloud:
    """A cloud in a temporary state directory, on a free port; ends with the `with` block."""

    def __init__(self, work, consoles, real):
        self.work = work
        self.consoles = consoles
        self.real = real
        self.relay = []
        # How a command is run where guests can be reached.
        self.inside = []
        self.program = program()
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="ferrostack-tempest-"))

    def __enter__(self):
        (self.state / "ferrostack.toml").write_text(CONFIGURATION)
        if self.consoles:
            pages = self.work.parent / "novnc"
            subprocess.run([ROOT / "setup/pages", "novnc", pages], check=True, stdout=subprocess.DEVNULL)
            (self.state / "novnc").symlink_to(pages)
        # Tests want to see a server or an image while something is being done to it.
        drivers = [] if self.real else ["--fake", "--delay", "20"]
        # The suite makes thousands of users: the real cost of a password hash is not what it tests.
        self._ferrostack("up", *drivers, "--detach", "--listen", "127.0.0.1:0", "--bcrypt-rounds", "4")
        up = json.loads((self.state / "up.json").read_text())
        self.url = up["url"]
        if self.real:
            self._relay(up["namespace"])
        self.password = (self.state / "secrets/admin-password").read_text().strip()
        self._log_in()
        return self

    def _relay(self, namespace):
        """Has the APIs at the same address in the network namespace of the node, from where guests can be reached. The
        suite runs there by way of `self.inside`."""
        self.inside = ["ip", "netns", "exec", namespace]
        address, socket = self.url.removeprefix("http://"), self.state / "apis.sock"
        host, port = address.split(":")
        listen = f"TCP-LISTEN:{port},bind={host},fork,reuseaddr,backlog=128"
        for command in (["socat", f"UNIX-LISTEN:{socket},fork,backlog=128", f"TCP:{address}"],
                        [*self.inside, "socat", listen, f"UNIX-CONNECT:{socket}"]):
            self.relay.append(subprocess.Popen(command, start_new_session=True))

    def __exit__(self, *_):
        for process in self.relay:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        self._ferrostack("down")
        shutil.copy(self.state / "log/ferrostack.log", self.work)
        shutil.rmtree(self.state)

    def _ferrostack(self, *arguments):
        subprocess.run([self.program, "--state", self.state, *arguments], check=True, stdout=subprocess.DEVNULL)

    def call(self, method, path, body=None, data=None, content="application/json"):
        """An API call as the administrator; answers the headers and the JSON."""
        sent = json.dumps(body).encode() if body is not None else data
        request = urllib.request.Request(self.url + path, sent, method=method)
        request.add_header("Content-Type", content)
        request.add_header("X-Auth-Token", getattr(self, "token", ""))
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    def _log_in(self):
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
        headers, _ = self.call("POST", "/identity/v3/auth/tokens", {"auth": auth})
        self.token = headers["X-Subject-Token"]

    def prepare(self):
        """Makes two images, two flavors with disks of one size, and an external network; answers what tempest.conf
        calls them."""
        if self.real:
            subprocess.run([ROOT / "guest/build"], check=True, stdout=subprocess.DEVNULL)
            image_file, image_format, memory = ROOT / "var/guest/ferrostack-guest.qcow2", "qcow2", 128
        else:
            image_file, image_format, memory = self.state / "disk", "raw", 64
            image_file.write_bytes(bytes(1 << 20))
        self._external_network()
        self._limits()
        self._node()
        return {
            "image": self._image("guest", image_file, image_format),
            "other_image": self._image("other-guest", image_file, image_format),
            "flavor": self._flavor("tiny", memory),
            "larger_flavor": self._flavor("small", memory + 64),
            "public_network": self.public_network,
            "image_file": image_file,
            "image_format": image_format,
        }

    def _node(self):
        """Waits for the node: libvirt looks at QEMU for seconds when it is new."""
        for _ in range(120):
            if self.call("GET", "/compute/v2.1/os-hypervisors")[1]["hypervisors"]:
                return
            time.sleep(0.5)
        raise SystemExit("no node reported within a minute")

    def _image(self, name, file, image_format):
        body = {"name": name, "disk_format": image_format, "container_format": "bare", "visibility": "public"}
        if self.real:
            # The agent in the guest sets this user's password.
            body |= {"hw_qemu_guest_agent": "yes", "os_admin_user": "cirros"}
        _, image = self.call("POST", "/image/v2/images", body)
        self.call("PUT", f"/image/v2/images/{image['id']}/file", data=file.read_bytes(),
                  content="application/octet-stream")
        return image["id"]

    def _limits(self):
        """Registers unified limits: those of images limit what projects have by themselves; those of compute are what
        compute has built in, for tests that change them."""
        for kind, most in LIMITS.items():
            services = self.call("GET", f"/identity/v3/services?type={kind}")[1]["services"]
            place = {"service_id": services[0]["id"], "region_id": "RegionOne"}
            limits = [{**place, "resource_name": name, "default_limit": most} for name, most in most.items()]
            self.call("POST", "/identity/v3/registered_limits", {"registered_limits": limits})

    def _flavor(self, name, ram):
        body = {"flavor": {"name": name, "ram": ram, "vcpus": 1, "disk": 1}}
        return self.call("POST", "/compute/v2.1/flavors", body)[1]["flavor"]["id"]

    def _external_network(self):
        network = {"name": "public", "router:external": True, "provider:network_type": "flat",
                   "provider:physical_network": "public"}
        _, made = self.call("POST", "/network/v2.0/networks", {"network": network})
        self.public_network = made["network"]["id"]
        for version, cidr in ((4, "172.24.4.0/24"), (6, "2001:db8:ffff::/64")):
            subnet = {"network_id": self.public_network, "ip_version": version, "cidr": cidr, "enable_dhcp": False}
            if self.real and version == 4:
                # The node itself has the gateway's address.
                subnet["allocation_pools"] = [{"start": "172.24.4.50", "end": "172.24.4.250"}]
            self.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
