"""A control group of one's own, cgroups(7): a container that is started in it
shares none with another one of this machine."""

import os
import pathlib

ENTER = 'for d; do [ "$d" = -- ] && break; echo 0 >"$d/cgroup.procs"; ' \
    'shift; done; shift; exec "$@"'


def mounts():
    """Where the hierarchies are in which systemd keeps its units: cgroup v2,
    and of v1 the one named systemd.  Which of them, the path of its root
    there, and the directory."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        own, _, rest = line.partition(" - ")
        kind, _, options = rest.split()
        _, _, _, root, directory = own.split()[:5]
        if kind == "cgroup2":
            yield "", root, directory
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            yield "name=systemd", root, directory


class Cgroup:
    """Below the present one, in each of these hierarchies."""

    def __init__(self, name):
        present = dict(line.split(":", 2)[1:] for line in pathlib.Path(
            "/proc/self/cgroup").read_text().splitlines())
        self.directories = []
        for hierarchy, root, directory in mounts():
            path = pathlib.Path(directory) / os.path.relpath(
                present[hierarchy], root) / name
            path.mkdir()
            self.directories.append(path)

    def enter(self, words):
        """The command that runs `words` in it."""
        return ["sh", "-c", ENTER, "sh", *map(str, self.directories), "--",
                *words]

    def remove(self):
        """Nothing may run in it any more."""
        for path in self.directories:
            for below in sorted(path.rglob("*/"), reverse=True):
                below.rmdir()
            path.rmdir()
