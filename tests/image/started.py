"""Starts the image as its own configuration says, on a read-only root and with no capability, and uses it.

runc runs it, as Docker and Podman have it do. Called by `run`, with the image's configuration, its root folder, and bounds in seconds.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ACCOUNT = "AC00000000000000000000000000000001"
SERVICE = "http://127.0.0.1:8080"
# As every engine has it; an image's own comes later, and counts.
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TWILIO = "http://127.0.0.1:8090"


def runc(*arguments, **options):
    # The folder of its state is ours alone.
    return ["runc", "--root", options["state"], *arguments]


class Machine:
    """Where containers of the image run."""

    def __init__(self, image, root, folder):
        self.image, self.root, self.folder = image, root, folder
        self.state = str(folder / "state")
        self.running = {}
        self.data = folder / "data"
        self.data.mkdir()
        user = int(image["User"].split(":")[0])
        assert user != 0, "it runs as root"
        self.user = user
        os.chown(self.data, user, user)
        self.secret = folder / "token"
        self.secret.write_text("simulated-auth-token")

    def start(self, name, arguments, variables):
        bundle = self.folder / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(self.spec(arguments, variables)))
        log = open(self.folder / f"{name}.log", "w")
        command = runc("run", "--bundle", str(bundle), name, state=self.state)
        self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def inside(self, name, *command):
        return subprocess.run(runc("exec", name, *command, state=self.state), capture_output=True, text=True)

    def stop(self, name):
        subprocess.run(runc("kill", name, "TERM", state=self.state), check=False)
        return self.running[name].wait(60)

    def spec(self, arguments, variables):
        image = self.image
        environment = [PATH] + image["Env"] + [f"{key}={value}" for key, value in variables.items()]
        mount = lambda to, kind, source, *options: {
            "destination": to, "type": kind, "source": source, "options": list(options)}
        return {
            "ociVersion": "1.0.2",
            "root": {"path": self.root, "readonly": True},
            "process": {
                "user": {"uid": self.user, "gid": self.user},
                "args": image["Entrypoint"] + arguments,
                "env": environment,
                "cwd": image["WorkingDir"],
                "noNewPrivileges": True,
                "capabilities": {set: [] for set in ["bounding", "effective", "inheritable", "permitted", "ambient"]},
            },
            "mounts": [
                mount("/proc", "proc", "proc"),
                mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755", "size=64k"),
                *[mount(volume, "bind", str(self.data), "bind", "rw") for volume in image["Volumes"]],
                mount("/run", "tmpfs", "tmpfs", "nosuid", "mode=755", "size=64k"),
                mount("/run/secrets/twilio_auth_token", "bind", str(self.secret), "bind", "ro"),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ["pid", "ipc", "uts", "mount"]]},
        }


def until(what, seconds, ask):
    began = time.monotonic()
    while True:
        answer = ask()
        if answer:
            return answer, time.monotonic() - began
        if time.monotonic() - began > seconds:
            print(answer, file=sys.stderr)
            raise SystemExit(f"tests/image: it did not happen in {seconds} s: {what}")
        time.sleep(0.1)


def play(call, token):
    request = urllib.request.Request(f"{SERVICE}/api/recordings/file/{call}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read() if answer.status == 200 and "Repr-Digest" in answer.headers else None
    except OSError:
        return None


def use(machine, healthy_s, ready_s):
    machine.start("serve", machine.image["Cmd"], {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "HEARBACK_TWILIO__AUTH_TOKEN_FILE": "/run/secrets/twilio_auth_token",
        "HEARBACK_TWILIO__BASE_URL": TWILIO,
        "HEARBACK_SERVER__PUBLIC_URL": SERVICE,
        "HEARBACK_SERVER__DRAIN_MS": "100",
    })
    check = machine.image["Healthcheck"]["Test"]
    assert check[0] == "CMD", check
    healthy = lambda: machine.inside("serve", *check[1:]).returncode == 0
    _, took = until("it is healthy", healthy_s, healthy)
    print(f"tests/image: healthy after {took:.1f} s")
    wrong = machine.inside("serve", "sh", "-c", "HEARBACK_SERVER__LISTEN=127.0.0.1:1 hearback health")
    assert wrong.returncode == 1, wrong
    written = machine.inside("serve", "sh", "-c", "id -u; touch /x /tmp/x /usr/x")
    assert written.stdout.strip() == str(machine.user) and written.stderr.count("Read-only file system") == 3, written
    machine.start("twilio", ["simulate-twilio", "--webhooks-to", SERVICE], {})
    calls = lambda: re.findall(r"^call (CA\w{32})$", machine.log("twilio"), re.MULTILINE)
    until("Twilio has calls", ready_s, lambda: len(calls()) >= 8)
    minted = machine.inside("serve", "hearback", "token", "mint", "--business", "default", "--role", "agent", "--ttl", "1h")
    token = minted.stdout.strip()
    for call in calls()[:3]:
        audio, took = until(f"{call} plays", ready_s, lambda: play(call, token))
        assert audio[:1] == b"\xff" or audio[:3] == b"ID3", audio[:16]
        print(f"tests/image: {call} plays, {len(audio)} bytes, after {took:.1f} s")
    owners = {entry.stat().st_uid for entry in machine.data.rglob("*")}
    assert owners == {machine.user}, owners
    assert machine.stop("serve") == 0, machine.log("serve")
    print("tests/image: asked to stop, it ended with 0")


def main():
    described, root, healthy_s, ready_s = sys.argv[1:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    image = json.loads(Path(described).read_text())["Docker"]["config"]
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(image, root, Path(folder))
        try:
            use(machine, int(healthy_s), int(ready_s))
        except BaseException:
            for name in machine.running:
                print(machine.log(name)[-4000:], file=sys.stderr)
            raise
        finally:
            for name, process in machine.running.items():
                if process.poll() is None:
                    subprocess.run(runc("delete", "--force", name, state=machine.state), check=False)
                    process.wait(10)


main()
