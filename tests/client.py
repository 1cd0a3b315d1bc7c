"""The stock OpenStack client, loaded once: every command runs in a fork, which saves a second of imports each.

Reads one command a line, as a JSON list of its arguments; answers each with one line of JSON: code, out, err.
"""

import importlib
import json
import os
import pkgutil
import sys
import tempfile

import openstackclient.shell

for package in ("common", "identity.v3", "image.v2", "network.v2", "compute.v2"):
    module = importlib.import_module("openstackclient." + package)
    for found in pkgutil.iter_modules(module.__path__, module.__name__ + "."):
        importlib.import_module(found.name)


def run(arguments):
    """Runs one command as a process of its own would."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                code = openstackclient.shell.main(arguments)
            except SystemExit as ended:
                code = ended.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code if isinstance(code, int) else 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        text = []
        for file in (out, err):
            file.seek(0)
            text.append(file.read().decode(errors="replace"))
        return {"code": code, "out": text[0], "err": text[1]}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
