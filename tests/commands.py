"""Prints the commands of the installed stock client that a flow has not used; fails if there are any.

Arguments: the file in which the flow noted what it asked, one JSON list a line; then the words commands begin with.
"""

import importlib.metadata
import json
import sys

asked, *words = sys.argv[1:]
commands = {
    point.name.replace("_", " ")
    for installed in importlib.metadata.distributions()
    for point in installed.entry_points
    if point.group.startswith("openstack.")
}
used = set()
with open(asked, encoding="utf-8") as lines:
    for line in lines:
        arguments = json.loads(line)
        while arguments[0].startswith("--"):  # An option of the whole client, and its value.
            del arguments[:2]
        # The longest name counts alone: "server migrate confirm" does not use "server migrate".
        names = {" ".join(arguments[:end]) for end in range(1, len(arguments) + 1)}
        used.add(max(names & commands, key=len, default=""))
missing = []
for word in words:
    wanted = sorted(name for name in commands if name.startswith(word + " ")) or [word + " (no such command)"]
    missing += [name for name in wanted if name not in used]
print("\n".join(missing))
sys.exit(bool(missing))
