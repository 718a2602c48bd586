"""A person at a terminal: bash in a tmux server of its own.

The server's socket is in the test's directory; close() ends that server and
nothing else.
"""

import itertools
import os
import re
import subprocess

from stack import LIMIT, StackError, program, wait_until

ESCAPE = "\x1b"
# Ctrl-C ends a whole line of commands, but not what comes before the prompt.
BASHRC = """
PS1='$ '
PROMPT_COMMAND='code=$?; [ "$mark" ] && echo "end=$mark:$code"; mark='
"""


class Terminal:
    """Commands typed, keys pressed, the screen read.

    A command is typed between two marks, so that what it shows is known from
    what was there before."""

    servers = itertools.count()

    def __init__(self, directory, env, width=80, height=40):
        number = next(self.servers)
        self.socket = str(directory / f"tmux-{number}")
        self.begun = 0
        programs = program("osapi").rpartition("/")[0]
        self.env = {**env, "LC_ALL": "C.UTF-8",
                    "PATH": f"{programs}:{env['PATH']}"}
        self.env.pop("TMUX", None)
        rc = directory / f"bashrc-{number}"
        rc.write_text(BASHRC)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width),
                  "-y", str(height), "-c", str(directory),
                  f"bash --noprofile --rcfile {rc}")
        self.wait(re.compile(r"^\$$", re.M))

    def tmux(self, *words):
        return subprocess.run(
            ["tmux", "-S", self.socket, *words], env=self.env, check=True,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LIMIT).stdout

    def text(self, text):
        """Types a text."""
        self.tmux("send-keys", "-l", "--", text)

    def keys(self, *names):
        """Presses keys: "q", "C-c", "Tab"."""
        self.tmux("send-keys", *names)

    def type(self, text):
        """Types a line."""
        self.text(text)
        self.keys("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))
        tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        with open(tty, "rb", buffering=0) as file:
            wait_until("the terminal has that size", lambda:
                       os.get_terminal_size(file.fileno()) == (width, height))

    def screen(self, *flags):
        """What is seen; flags are those of tmux capture-pane: -e with colours,
        -J with broken lines put together, "-S -" what has scrolled away too."""
        text = self.tmux("capture-pane", "-p", *flags)
        return "\n".join(line.rstrip() for line in text.splitlines()).strip()

    def wait(self, wanted, *flags):
        """Until the screen has that text or matches; the match."""
        if not isinstance(wanted, re.Pattern):
            wanted = re.compile(re.escape(wanted))
        try:
            return wait_until(f"{wanted.pattern!r} on the screen",
                              lambda: wanted.search(self.screen(*flags)))
        except StackError as error:
            raise AssertionError(f"{error}, it shows\n{self.screen()}") \
                from error

    def alternate(self):
        """Whether the alternate screen is shown, which hides all marks."""
        return self.tmux("display-message", "-p", "#{alternate_on}") == "1\n"

    def start(self, command):
        """Types a command, on an empty screen."""
        self.begun += 1
        self.type(f"clear; mark={self.begun}; echo begin=$mark; {command}")
        mark = re.compile(f"^begin={self.begun}$", re.M)
        wait_until("the command begins", lambda: self.alternate() or
                   mark.search(self.screen("-S", "-")))

    def end(self):
        """Waits for its end: the exit code."""
        return int(self.wait(re.compile(rf"^end={self.begun}:(\d+)$", re.M))
                   .group(1))

    def shown(self, *flags):
        """What it has shown until now."""
        text = self.screen("-S", "-", *flags)
        return text.rpartition(f"begin={self.begun}\n")[2] \
            .partition(f"end={self.begun}:")[0]

    def run(self, command):
        """Runs a command: exit code, and what it showed."""
        self.start(command)
        code = self.end()
        return code, self.shown("-J")

    def settings(self):
        """The terminal's settings and state, to be compared."""
        _, shown = self.run("stty -a")
        state = self.tmux("display-message", "-p",
                          "#{alternate_on} #{cursor_flag}")
        return re.sub(r"rows \d+; columns \d+", "", shown) + state

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"],
                       env=self.env, check=False, capture_output=True,
                       timeout=LIMIT)
