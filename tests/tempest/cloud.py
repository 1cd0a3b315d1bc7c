"""The cloud under test: a fresh one on fake drivers, and what the suite wants to find in it."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

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

    def __init__(self, work, consoles):
        self.work = work
        self.consoles = consoles
        self.program = program()
        self.state = pathlib.Path(tempfile.mkdtemp(prefix="ferrostack-tempest-"))

    def __enter__(self):
        (self.state / "ferrostack.toml").write_text(CONFIGURATION)
        if self.consoles:
            pages = self.work.parent / "novnc"
            subprocess.run([ROOT / "setup/novnc", pages], check=True, stdout=subprocess.DEVNULL)
            (self.state / "novnc").symlink_to(pages)
        # The suite makes thousands of users: the real cost of a password hash is not what it tests.
        self._ferrostack("up", "--fake", "--detach", "--listen", "127.0.0.1:0", "--bcrypt-rounds", "4")
        self.url = json.loads((self.state / "up.json").read_text())["url"]
        self.password = (self.state / "secrets/admin-password").read_text().strip()
        self._log_in()
        return self

    def __exit__(self, *_):
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
        image_file = self.state / "disk"
        image_file.write_bytes(bytes(1 << 20))
        self._external_network()
        return {
            "image": self._image("guest", image_file),
            "other_image": self._image("other-guest", image_file),
            "flavor": self._flavor("tiny", 64),
            "larger_flavor": self._flavor("small", 128),
            "public_network": self.public_network,
            "image_file": image_file,
        }

    def _image(self, name, file):
        body = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        _, image = self.call("POST", "/image/v2/images", body)
        self.call("PUT", f"/image/v2/images/{image['id']}/file", data=file.read_bytes(),
                  content="application/octet-stream")
        return image["id"]

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
            self.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
