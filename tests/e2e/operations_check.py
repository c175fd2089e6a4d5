#!/usr/bin/python3
"""What an operator deploys fits the node: alerts and dashboards ask for metrics and labels that there
are, each alert has its runbook, each runbook its alert. promtool, where it is, runs the rules' tests.

usage: operations_check.py ROOT"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
problems = []

known = {}  # name: (label, its values or None)
for row in (root / "docs/metrics.md").read_text().splitlines():
    match = re.match(r"\| `([a-z_0-9]+)` \| (counter|gauge|histogram) \| ([a-z]*) \| (.*) \|$", row)
    if match:
        name, kind, label, words = match.groups()
        values = re.findall(r"`([a-z_0-9]+)`", words.split("One of", 1)[1]) if "One of" in words else None
        known[name] = (label, values)
        if kind == "histogram":
            for end in ("_bucket", "_sum", "_count"):
                known[name + end] = ("le", None)
known["up"] = ("job", None)
assert len(known) > 50, "docs/metrics.md does not read"


def check_expression(where, expression):
    names = re.findall(r"\b(?:tenor|process)_[a-z_0-9]+|\bup\b", expression)
    if not names:
        problems.append("%s: no metric in: %s" % (where, expression))
    for name in names:
        if name not in known:
            problems.append("%s: there is no metric %s" % (where, name))
    for name, chosen in re.findall(r"([a-z_0-9]+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'([a-z]+)=~?"([^"]*)"', chosen):
            own, values = known.get(name, (None, None))
            if label != own:
                problems.append("%s: %s has no label %s" % (where, name, label))
            for one in value.split("|") if values else []:
                if not any(re.fullmatch(one, each) for each in values):
                    problems.append("%s: %s is never %s" % (where, label, one))


rules = (root / "deploy/prometheus/tenor.rules.yml").read_text()
alerts = re.findall(r"- alert: (\w+)\n\s+expr: (.*)\n(?:.*\n)*?\s+runbook: (\S+)", rules)
assert len(alerts) == rules.count("- alert:"), "an alert without an expression or a runbook"
for alert, expression, runbook in alerts:
    check_expression(alert, expression)
    page = root / runbook
    if not page.exists() or not page.read_text().startswith("# %s\n" % alert):
        problems.append("%s: %s is not its runbook" % (alert, runbook))
for page in (root / "docs/runbooks").glob("*.md"):
    if "docs/runbooks/%s" % page.name not in rules:
        problems.append("%s: no alert leads to it" % page.name)
    for other in re.findall(r"\]\(([a-z-]+\.md)\)", page.read_text()):
        if not (page.parent / other).exists():
            problems.append("%s: there is no %s" % (page.name, other))

dashboard = json.loads((root / "deploy/grafana/tenor.json").read_text())
for panel in dashboard["panels"]:
    for target in panel["targets"]:
        check_expression("dashboard, " + panel["title"], target["expr"])

tested = (root / "deploy/prometheus/tenor.rules.test.yml").read_text()
for alert, _, _ in alerts:
    if not re.search(r"alertname: %s\n\s+exp_alerts:" % alert, tested):
        problems.append("%s: no test in which it fires" % alert)

if problems:
    sys.exit("\n".join(problems))
if shutil.which("promtool"):
    for words in (["check", "config", "prometheus.yml"], ["test", "rules", "tenor.rules.test.yml"]):
        subprocess.run(["promtool"] + words, cwd=root / "deploy/prometheus", check=True)
print("%d alerts and %d panels ask for what there is" % (len(alerts), len(dashboard["panels"])))
