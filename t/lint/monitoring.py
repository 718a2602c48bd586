#!/usr/bin/python3
"""What is wrong with prometheus/: the rules and their tests by promtool, each
alert tested, each expression of the dashboard one that promtool can read."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "prometheus/osapi.rules.yml"
CONFIG = ROOT / "prometheus/prometheus.yml"
DASHBOARD = ROOT / "prometheus/dashboard.json"
TESTS = ROOT / "t/lint/alerts.yml"
# Grafana's own, in the place of a duration or a regular expression
VARIABLES = {"$__rate_interval": "5m", "$job": "osapi", "$instance": ".*"}


def expressions(dashboard):
    """(panel's title, expression, legend) of all that a dashboard asks."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression, target.get("legendFormat", "")


def promtool(*words):
    """What promtool complains about."""
    done = subprocess.run(["promtool", *map(str, words)], check=False,
                          capture_output=True, text=True)
    return [done.stdout + done.stderr] if done.returncode else []


def untested():
    """Alerts that no test sees firing."""
    rules = yaml.safe_load(RULES.read_text())
    tests = TESTS.read_text()
    alerts = [rule["alert"] for group in rules["groups"]
              for rule in group["rules"] if "alert" in rule]
    return [f"{TESTS.name}: no test of {name}" for name in alerts
            if f'{{alertname="{name}"}}' not in tests]


def dashboard_faults():
    """Expressions as recording rules, which promtool reads."""
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    faults = [f"{DASHBOARD.name}: an id is used twice"] \
        if len(ids) != len(set(ids)) else []
    found = list(expressions(dashboard))
    faults += [f"{DASHBOARD.name}: {title}: {name} is not known here"
               for title, expression, _ in found
               for name in re.findall(r"\$\w+", expression)]
    rules = [{"record": f"panel:{number}", "expr": expression}
             for number, (_, expression, _) in enumerate(found)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}, file)
        file.flush()
        return faults + promtool("check", "rules", file.name)


def main():
    faults = promtool("check", "rules", RULES)
    faults += promtool("check", "config", "--syntax-only", CONFIG)
    faults += promtool("test", "rules", TESTS)
    faults += untested() + dashboard_faults()
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
