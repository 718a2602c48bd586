"""make install: every file in its place, named right within the others, and
make uninstall takes it all away again."""

import os
import pathlib
import re
import subprocess

import pytest
import yaml

from stack import BUILD, LIMIT, ROOT, environment

UNITS = "lib/systemd/system"
PROGRAMS = {"osapi": "bin", "osapi-fcgi": "sbin", "osapi-worker": "sbin"}


def make(*words):
    # what is built already is taken as it is
    sanitize = "" if BUILD == ROOT / "build" else BUILD.name.replace("-", ",")
    env = environment()
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "prefix"):
        env.pop(name, None)
    done = subprocess.run(
        ["make", "-C", str(ROOT), f"SANITIZE={sanitize}", *words],
        env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=10 * LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", name="tree")
def fixture_tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("install")
    make("install", f"DESTDIR={tree}", "prefix=/opt/osapi",
         "sbindir=/opt/osapi/libexec", "sysconfdir=/opt/etc")
    return tree


def files(tree):
    return {str(path.relative_to(tree)) for path in tree.rglob("*")
            if not path.is_dir()}


def test_programs_run_from_where_they_are(tree):
    for name, place in PROGRAMS.items():
        place = {"bin": "bin", "sbin": "libexec"}[place]
        path = tree / "opt/osapi" / place / name
        word = "version" if name == "osapi" else "-V"
        done = subprocess.run([path, word], capture_output=True, text=True,
                              timeout=LIMIT, check=True)
        assert done.stdout.startswith(f"{name} ")


def test_units_name_the_programs_and_the_configuration(tree):
    for unit in (tree / "opt/osapi" / UNITS).iterdir():
        text = unit.read_text()
        named = re.findall(r"^Exec\w+=(\S*osapi\S*)", text, re.M)
        assert named or unit.suffix == ".socket"
        for path in named:
            assert os.access(f"{tree}{path}", os.X_OK), f"{unit}: {path}"
        assert "ConditionPathExists=/opt/etc/osapi/osapi.yaml" in text
        assert "/usr/" not in text


def test_everything_is_there(tree):
    wanted = {f"opt/osapi/{path}" for path in (
        "bin/osapi", "libexec/osapi-fcgi", "libexec/osapi-worker",
        f"{UNITS}/osapi-fcgi.socket", f"{UNITS}/osapi-fcgi.service",
        f"{UNITS}/osapi-worker.service", f"{UNITS}/osapi-nats.service",
        "lib/sysusers.d/osapi.conf", "lib/tmpfiles.d/osapi.conf",
        "share/man/man8/osapi-fcgi.8", "share/man/man8/osapi-worker.8",
        "share/man/man5/osapi.yaml.5",
        "share/bash-completion/completions/osapi",
        "share/zsh/site-functions/_osapi",
        "share/doc/osapi/examples/nginx-site")}
    assert wanted - files(tree) == set()
    for page in ROOT.glob("*/osapi*.[158]"):
        section = page.suffix[1:]
        assert f"opt/osapi/share/man/man{section}/{page.name}" in files(tree)


def keys(node, prefix=""):
    """The names of all keys of a dump; maps of the user's are empty in it."""
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_manual_has_every_key_of_the_configuration(tree):
    osapi = tree / "opt/osapi/bin/osapi"
    dump = subprocess.run([osapi, "-f", "/dev/null", "config", "dump"],
                          env=environment(), capture_output=True, text=True,
                          timeout=LIMIT, check=True).stdout
    page = (tree / "opt/osapi/share/man/man5/osapi.yaml.5").read_text()
    described = re.findall(r"^\.It Va (\S+)\n(.+)\n", page, re.M)
    known = list(keys(yaml.safe_load(dump)))
    assert len(known) > 50
    assert [name for name, _ in described] == known
    assert all(len(text) > 5 for _, text in described)


def test_the_manuals_are_right(tree):
    pages = sorted((tree / "opt/osapi/share/man").rglob("*.[158]"))
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages],
                          capture_output=True, text=True, timeout=LIMIT,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_users_and_directories_are_well_formed(tree):
    """systemd's own tools take them, on a root of their own."""
    root = tree / "root"
    (root / "etc").mkdir(parents=True, exist_ok=True)
    lib = tree / "opt/osapi/lib"
    for name in ("sysusers", "tmpfiles"):
        done = subprocess.run(
            [f"systemd-{name}", f"--root={root}",
             *(["--create"] if name == "tmpfiles" else []), "-"],
            stdin=open(lib / f"{name}.d/osapi.conf", "rb"),
            capture_output=True, text=True, timeout=LIMIT, check=False)
        if os.geteuid() != 0 and name == "tmpfiles":
            continue  # only root may make what belongs to root
        assert done.returncode == 0, done.stderr
    passwd = (root / "etc/passwd").read_text()
    for user in ("osapi", "osapi-nats", "osapi-worker"):
        assert re.search(rf"^{user}:x:\d+:\d+:.*:/:\S*nologin$", passwd,
                         re.M), passwd


def test_uninstall_leaves_nothing(tree):
    other = tree / "opt/osapi/bin/somebody-elses"
    other.write_text("")
    make("uninstall", f"DESTDIR={tree}", "prefix=/opt/osapi",
         "sbindir=/opt/osapi/libexec", "sysconfdir=/opt/etc")
    left = {path for path in files(tree) if not path.startswith("root/")}
    assert left == {str(pathlib.Path("opt/osapi/bin/somebody-elses"))}
