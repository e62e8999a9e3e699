"""jenkins-jobs, of PyPI's jenkins-job-builder, run as people run it, with nothing of theirs read or written."""

import os
import subprocess
import sys
from pathlib import Path

WITNESS = Path(__file__).parents[1] / "witnesses" / "jenkins_jobs"
JOBS = WITNESS / "jobs.yaml"
USER = "gordon"


def jenkins_jobs(folder: Path, url: str, token: str, *arguments: str) -> str:
    """Run it against a controller and give what it printed.

    Arguments:
        folder: where it keeps its configuration and its cache.
        arguments: such as "update" and the path of a YAML file.
    """
    config = folder / "jenkins_jobs.ini"
    config.write_text(f"[jenkins]\nurl={url}\nuser={USER}\npassword={token}\n")
    done = subprocess.run(
        [sys.executable, "-m", "jenkins_jobs", "--conf", str(config), *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(WITNESS)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
