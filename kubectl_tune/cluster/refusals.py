"""
Why the API server refuses a pod: quota, PodSecurity, webhooks and the rest of admission.

One table, read from the top: what a message says, and how often it has to be said before it
counts as final. The same words come as Events of a Job and as errors of a dry run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kubectl_tune.cluster.happenings import Happening
from kubectl_tune.cluster.verdict import Verdict, sentence
from kubectl_tune.trial import Failure

NEVER = 0

# Client and server put these in front; the pod's name is made up, and a new one each time.
_PREFIX = re.compile(r'^(?:Error creating: )?(?:pods? "[^"]*" is forbidden: )?', re.IGNORECASE)


class Refusal(NamedTuple):
    pattern: re.Pattern[str]
    failure: Failure
    text: str  # with the pattern's groups in braces
    final: int  # how many times; NEVER where it may pass
    hint: str


def _refusal(pattern: str, failure: Failure, text: str, final: int, hint: str) -> Refusal:
    return Refusal(re.compile(pattern, re.IGNORECASE | re.DOTALL), failure, text, final, hint)


_REFUSALS = (
    _refusal(
        r'failed calling webhook "(?P<name>[^"]*)":(?P<why>.*)', Failure.UNSCHEDULABLE,
        'admission webhook "{name}" does not answer: {why}', NEVER,
        "it may come back; else ask those who run the cluster",
    ),
    _refusal(
        r'admission webhook "(?P<name>[^"]*)" denied the request:?(?P<why>.*)',
        Failure.UNSCHEDULABLE, 'admission webhook "{name}" denied the pod: {why}', 2,
        "make the pod what it asks for, with the options of run or --template",
    ),
    _refusal(
        r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*?), used: (?P<used>.*?),"
        r" limited: (?P<limit>.*)", Failure.QUOTA,
        "quota {name} is exceeded: requested {asked}, used {used}, limited to {limit}", NEVER,
        "lower --max-parallel, --cpu or --memory, or wait until others have ended",
    ),
    _refusal(
        r"failed quota: (?P<name>[^:]+): must specify (?P<what>.*)", Failure.QUOTA,
        "quota {name} takes no pod that does not specify {what}", 1,
        "give them with --cpu and --memory, or in --template",
    ),
    _refusal(
        r'violates PodSecurity "(?P<level>[^"]*)": (?P<why>.*)', Failure.UNSCHEDULABLE,
        'PodSecurity "{level}" forbids the pod: {why}', 1,
        "for a non-root user add --run-as-user 1000; --template may ask for too much",
    ),
    _refusal(
        r"error looking up service account (?P<space>[^/\s]+)/(?P<name>[^:\s]+)",
        Failure.UNSCHEDULABLE, "service account {name} is not found in namespace {space}",
        3,  # a namespace that is new has no default one for a moment
        "create it: kubectl create serviceaccount NAME; or name another: --service-account",
    ),
    _refusal(
        r"(?P<what>\[?(?:(?:maximum|minimum) \S+ usage per|\S+ max limit to request ratio per).*)",
        Failure.QUOTA, "a LimitRange forbids the pod: {what}", 1,
        "change --cpu or --memory: kubectl describe limitranges shows what is allowed",
    ),
    _refusal(
        r"no PriorityClass with name (?P<name>\S+) was found", Failure.UNSCHEDULABLE,
        "priority class {name} is not found", 1,
        "kubectl get priorityclasses lists those there are",
    ),
    _refusal(
        r'RuntimeClass "(?P<name>[^"]*)" not found', Failure.UNSCHEDULABLE,
        'runtime class "{name}" is not found', 1, "change it in --template",
    ),
    _refusal(
        r"namespace (?P<name>\S+) because it is being terminated", Failure.DELETED,
        "namespace {name} is being deleted", 1, "run in another one: -n NAMESPACE",
    ),
    _refusal(
        r"unable to validate against any security context constraint:(?P<why>.*)",
        Failure.UNSCHEDULABLE, "no security context constraint admits the pod: {why}", 2,
        "leave out --run-as-user, or name a --service-account that may do more",
    ),
    _refusal(
        r'^pod "[^"]*" is invalid: (?P<why>.*)', Failure.UNSCHEDULABLE,
        "the pod is invalid: {why}", 1, "mend the options of run, or --template",
    ),
)  # fmt: skip


def refusal(message: str) -> tuple[Refusal, str] | None:
    """Return the kind of refusal that a message is, and what it says in a sentence."""
    text = _PREFIX.sub("", message)
    for each in _REFUSALS:
        if found := each.pattern.search(text):
            return each, sentence(each.text.format_map(found.groupdict()))
    return None


def judged(told: Sequence[Happening]) -> Verdict:
    """Return what a Job's `FailedCreate` Events amount to; the newest decides."""
    known = refusal(told[-1].message)
    if known is None:
        why = _PREFIX.sub("", told[-1].message)
        return Verdict(
            None, sentence("its Job can't create a pod:", why), "waiting", told[-1].first
        )
    kind, said = known
    alike = [each for each in told if (other := refusal(each.message)) and other[0] is kind]
    final = kind.final and sum(each.count for each in alike) >= kind.final
    return Verdict(kind.failure, said, "fatal" if final else "waiting", alike[0].first, kind.hint)
