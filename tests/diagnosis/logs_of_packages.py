"""Short logs of package managers, source control, networks and deploys, and what is to be told of each."""

from bot.diagnosis.verdict import FailureClass as Of
from tests.diagnosis.logs_of_ci import Case, shell

PACKAGES = {
    "apt-has-no-such-package": shell(
        "Reading package lists...\nE: Unable to locate package libfoo-dev", "Unable to locate", Of.DEPENDENCY_MIRROR
    ),
    "apt-warns-before": shell(
        "W: Failed to fetch http://archive.example.com/ubuntu/dists/jammy/InRelease  Temporary failure resolving"
        " 'archive.example.com'\nW: Some index files failed to download.\n"
        "E: The repository 'http://ppa.example.com/ubuntu noble Release' does not have a Release file.",
        "E: The repository",
        Of.DEPENDENCY_MIRROR,
    ),
    "dnf-has-no-metadata": shell(
        "Error: Failed to download metadata for repo 'appstream': Cannot prepare internal mirrorlist: No URLs in"
        " mirrorlist",
        "Failed to download metadata",
        Of.DEPENDENCY_MIRROR,
    ),
    "apk-has-no-such-package": shell(
        "ERROR: unable to select packages:\n  libfoo (no such package):\n    required by: world[libfoo]",
        "unable to select",
        Of.DEPENDENCY_MIRROR,
    ),
    "pip-cannot-resolve": shell(
        "ERROR: Cannot install flask==2.0 and werkzeug==3.0 because these package versions have conflicting"
        " dependencies.\n\nThe conflict is caused by:\n    The user requested werkzeug==3.0\n"
        "ERROR: ResolutionImpossible: for help visit https://pip.example.org/",
        "Cannot install flask",
        Of.CI_CONFIG,
    ),
    "pip-retries-and-goes-on": shell(
        "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'ProtocolError('Connection aborted"
        ".', ConnectionResetError(104, 'Connection reset by peer'))': /simple/pillow/\nSuccessfully installed pillow\n"
        "ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'dev.txt'",
        "Could not open requirements",
        Of.CI_CONFIG,
    ),
    "poetry-cannot-solve": shell(
        "Resolving dependencies...\n\nBecause app depends on both flask (2.0) and werkzeug (^3.0), version solving"
        " failed.",
        "version solving failed",
        Of.CI_CONFIG,
    ),
    "npm-peers-conflict": shell(
        "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree\nnpm ERR! \n"
        "npm ERR! A complete log of this run can be found in:\nnpm ERR!     /home/ci/.npm/_logs/2020-debug.log",
        "code ERESOLVE",
        Of.CI_CONFIG,
    ),
    "pnpm-lock-is-old": shell(
        ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date'
        " with package.json",
        "ERR_PNPM_OUTDATED_LOCKFILE",
        Of.CI_CONFIG,
    ),
    "maven-cannot-resolve": shell(
        "[INFO] BUILD FAILURE\n[INFO] Total time:  5.251 s\n[ERROR] Failed to execute goal on project app: Could not"
        " resolve dependencies for project com.example:app:jar:1.0: Could not find artifact com.example:core:jar:9.9 in"
        " central (https://repo.example.com/maven2) -> [Help 1]\n[ERROR] \n[ERROR] To see the full stack trace of the"
        " errors, re-run Maven with the -e switch.",
        "Could not resolve dependencies",
        Of.DEPENDENCY_MIRROR,
    ),
    "gradle-cannot-resolve": shell(
        "FAILURE: Build failed with an exception.\n\n* What went wrong:\nCould not resolve all files for configuration"
        " ':app:compileClasspath'.\n> Could not find com.example:core:9.9.\n  Searched in the following locations:\n"
        "\n* Try:\n> Run with --stacktrace option to get the stack trace.\n\nBUILD FAILED in 3s",
        "Could not find com.example",
        Of.DEPENDENCY_MIRROR,
    ),
    "cargo-cannot-select": shell(
        "    Updating index\nerror: failed to select a version for `openssl-sys`.\n    ... required by package"
        " `openssl v0.9.24`",
        "failed to select a version",
        Of.DEPENDENCY_MIRROR,
    ),
    "go-needs-a-newer-go": shell(
        "go: go.mod requires go >= 1.24 (running go 1.22.5; GOTOOLCHAIN=local)", "go.mod requires", Of.CI_CONFIG
    ),
    "bundler-finds-no-gem": shell(
        "Fetching gem metadata from https://gems.example.org/.........\nCould not find gem 'left-pad (= 99.0)' in"
        " rubygems repository https://gems.example.org/ or installed locally.",
        "Could not find gem",
        Of.DEPENDENCY_MIRROR,
    ),
    "composer-cannot-resolve": shell(
        "Your requirements could not be resolved to an installable set of packages.\n\n  Problem 1\n    - Root"
        " composer.json requires php ^8.2 but your php version (7.4.33) does not satisfy that requirement.",
        "could not be resolved",
        Of.CI_CONFIG,
    ),
    "nuget-finds-nothing": shell(
        "  Determining projects to restore...\n/src/App/App.csproj : error NU1101: Unable to find package Left.Pad. No"
        " packages exist with this id in source(s): nuget.example.org",
        "NU1101",
        Of.DEPENDENCY_MIRROR,
    ),
}

SOURCES = {
    "a-branch-is-gone": Case(
        "Cloning into 'app'...\nwarning: Could not find remote branch fix-docs to clone.\nfatal: Remote branch fix-docs"
        " not found in upstream origin\n\nFailed to clone from GitHub.\n",
        "fatal: Remote branch",
        Of.SCM,
    ),
    "no-revision-to-build": Case(
        "ERROR: Couldn't find any revision to build. Verify the repository and branch configuration for this job.\n"
        "Finished: FAILURE\n",
        "any revision to build",
        Of.SCM,
    ),
    "the-tree-is-dirty": shell(
        "+ git rebase origin/main\nCannot rebase: You have unstaged changes.\nPlease commit or stash them.",
        "Cannot rebase",
        Of.SCM,
    ),
    "a-merge-conflicts": shell(
        "Auto-merging src/app.c\nCONFLICT (content): Merge conflict in src/app.c\nAutomatic merge failed; fix conflicts"
        " and then commit the result.",
        "CONFLICT (content)",
        Of.SCM,
    ),
    "a-fetch-has-a-time-limit": Case(
        " > git fetch --tags --progress https://git.example.com/app +refs/heads/*:refs/remotes/origin/*\n"
        "ERROR: Timeout after 10 minutes\nERROR: Error cloning remote repo 'origin'\nFinished: FAILURE\n",
        "Timeout after 10 minutes",
        Of.SCM,
    ),
    "a-lock-is-left-over": shell(
        "fatal: Unable to create '/home/ci/app/.git/index.lock': File exists.\n\nAnother git process seems to run"
        " in this repository",
        "index.lock",
        Of.SCM,
    ),
    "a-submodule-has-no-url": shell(
        "fatal: No url found for submodule path 'vendor/lib' in .gitmodules", "No url found", Of.SCM
    ),
    "a-password-is-no-more-taken": shell(
        "+ git push -u origin main\nremote: Support for password authentication was removed on August 13, 2021. Please"
        " use a personal access token instead.\nfatal: Authentication failed for 'https://github.com/example/app.git/'",
        "Support for password",
        Of.CREDENTIALS,
    ),
    "a-host-key-is-not-known": shell(
        "Host key verification failed.\nfatal: Could not read from remote repository.", "Host key", Of.CREDENTIALS
    ),
    "subversion-is-away": shell(
        "svn: E170013: Unable to connect to a repository at URL 'https://svn.example.com/trunk'", "E170013", Of.SCM
    ),
}

DEPLOYS = {
    "a-task-of-ansible-fails": shell(
        'TASK [copy war onto servers] ****\nfatal: [web-1]: FAILED! => {"changed": false, "msg": "Could not find or'
        " access 'app.war'\"}\n\nPLAY RECAP ****\nweb-1                      : ok=1    changed=0    unreachable=0   "
        " failed=1    skipped=0",
        "FAILED! =>",
        Of.DEPLOY,
    ),
    "a-task-of-ansible-is-ignored": shell(
        'TASK [is it running] ****\nfatal: [web-1]: FAILED! => {"rc": 1}\n...ignoring\n\nTASK [start] ****\n'
        'fatal: [web-2]: FAILED! => {"msg": "Unable to start service app"}',
        "web-2",
        Of.DEPLOY,
    ),
    "a-host-of-ansible-is-away": shell(
        'TASK [Gathering Facts] ****\nfatal: [web-1]: UNREACHABLE! => {"msg": "Failed to connect to the host via ssh"}',
        "UNREACHABLE!",
        Of.NETWORK,
    ),
    "terraform-cannot-create": shell(
        "╷\n│ Error: creating S3 Bucket (app-logs): BucketAlreadyExists\n│ \n│   with aws_s3_bucket.logs,\n╵",
        "Error: creating",
        Of.DEPLOY,
    ),
    "helm-cannot-upgrade": shell(
        'Error: UPGRADE FAILED: cannot patch "web" with kind Deployment', "UPGRADE FAILED", Of.DEPLOY
    ),
    "a-rollout-does-not-end": shell(
        'Waiting for deployment "web" rollout to finish: 0 of 3 updated replicas are available...\n'
        'error: deployment "web" exceeded its progress deadline',
        "progress deadline",
        Of.DEPLOY,
    ),
    "a-stack-rolls-back": shell(
        "AWS::Lambda::Function  Handler  CREATE_FAILED  The role defined for the function cannot be assumed by Lambda.",
        "CREATE_FAILED",
        Of.DEPLOY,
    ),
    "a-token-of-aws-has-expired": shell(
        "An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.",
        "ExpiredToken",
        Of.CREDENTIALS,
    ),
    "sudo-asks-for-a-password": shell(
        "sudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required",
        "a terminal is required",
        Of.CREDENTIALS,
    ),
    "a-certificate-has-expired": shell(
        "curl: (60) SSL certificate problem: certificate has expired", "certificate has expired", Of.CI_CONFIG
    ),
    "python-cannot-connect": shell(
        'Traceback (most recent call last):\n  File "upload.py", line 103, in <module>\n    main()\n'
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries"
        " exceeded with url: /1 (Caused by NewConnectionError('x: Failed to establish a new connection: [Errno 60]"
        " Operation timed out'))",
        "requests.exceptions.ConnectionError",
        Of.NETWORK,
    ),
    "curl-cannot-connect": shell(
        "+ curl -fsSO https://dl.example.com/tool\ncurl: (7) Failed to connect to dl.example.com port 443 after 127 ms:"
        " Connection refused",
        "curl: (7)",
        Of.NETWORK,
    ),
}
