"""
The commands, by heading, and the line that says what each is for.

A command is the function `command` of the module of its name in this package. This
table alone is enough for `--help`: no module is imported to be listed.
"""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "Basic Commands": {
        "run": "Run every line of a plan as a trial",
        "submit": "Run a plan without waiting for it",
        "plan": "Make a plan from a spec of parameters",
        "validate": "Check a plan and list every problem in it",
    },
    "Session Commands": {
        "status": "Show where a session and its trials stand",
        "list": "List the sessions",
        "watch": "Show the trials of a session as they change",
        "wait": "Wait until a session has finished",
        "logs": "Print what trials have written",
        "attach": "Go on with a session that another machine has begun",
        "explain": "Say why trials don't run, and what to do",
    },
    "Results Commands": {
        "results": "Rank the results of a session, or of a folder",
        "best": "Show the best trial and how to reproduce it",
        "show": "Show one trial in full",
        "collect": "Gather results, logs and a summary in a folder",
    },
    "Control Commands": {
        "cancel": "Cancel a session, or some of its trials",
        "resume": "Go on with a session where it stopped",
        "retry": "Run trials again that did not succeed",
        "delete": "Delete a session and what it left behind",
        "prune": "Delete sessions that finished long ago",
    },
    "Other Commands": {
        "doctor": "Check a cluster before the first Job",
        "completion": "Complete commands, sessions and trials at TAB",
        "version": "Print the version",
    },
}

COMMANDS: dict[str, str] = {
    name: summary for group in GROUPS.values() for name, summary in group.items()
}


def module_name(command: str) -> str:
    return f"kubectl_tune.cli.{command.replace('-', '_')}"
