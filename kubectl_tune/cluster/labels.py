"""
What our objects carry, so that a session is found and rebuilt from the cluster alone.

Selected by labels only: `UID` finds a session's objects, `MANAGED_BY` all of ours.
"""

from __future__ import annotations

import re

PREFIX = "kubectl-tune.dev"
PRODUCT = "kubectl-tune"

NAME = "app.kubernetes.io/name"
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "app.kubernetes.io/instance"  # the session's name
SESSION = f"{PREFIX}/session"  # the session's name
UID = f"{PREFIX}/uid"  # the session's uid: no two sessions share one
TRIAL = f"{PREFIX}/trial"  # the trial's slug
ATTEMPT = f"{PREFIX}/attempt"
PART = f"{PREFIX}/part"  # what a ConfigMap is: session, plan, code or done
JOB_ID = f"{PREFIX}/job-id"  # annotation: the raw job_id
HASH = f"{PREFIX}/hash"  # annotation: the attempt's spec hash
JOB = f"{PREFIX}/job"  # a Job's own name, to select many at once
SHARD = f"{PREFIX}/shard"  # the number of an Indexed Job
PLAN = f"{PREFIX}/plan"  # annotation: the plan ConfigMaps that an Indexed Job's indexes count over
OWNER = f"{PREFIX}/owner"  # annotation: who began the session

APP_LABEL = "app"
JOB_ID_LABEL = "job-id"
JOB_NAME = "batch.kubernetes.io/job-name"  # on pods, by the Job controller
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"

CONTAINER = "tuning-runner"

VALUE = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")  # legal label values
