"""Short logs of CI systems and containers, in the words of their tools, and what is to be told of each."""

from dataclasses import dataclass

from bot.diagnosis.verdict import FailureClass as Of

FREESTYLE = "Building remotely on node-7 in workspace /home/ci/workspace/app\n[app] $ /bin/sh -xe /tmp/jenkins1.sh\n"
FREESTYLE_END = "Build step 'Execute shell' marked build as failure\nFinished: FAILURE\n"
PIPELINE = "[Pipeline] Start of Pipeline\n[Pipeline] node\n[Pipeline] {\n[Pipeline] sh\n"
TRAVIS_END = '\nThe command "make ci" exited with 1.\n\nDone. Your build exited with 1.\n'
GITHUB_END = "##[error]Process completed with exit code 1.\nPost job cleanup.\nCleaning up orphan processes\n"
GITLAB_END = "Cleaning up project directory and file based variables\nERROR: Job failed: exit code 1\n"


@dataclass(frozen=True)
class Case:
    """A log and what is to be told of it: a part of the telling line, in its first place."""

    log: str
    tells: str
    failure_class: Of

    @property
    def line(self) -> int:
        return next(number for number, line in enumerate(self.log.split("\n"), 1) if self.tells in line)


def shell(said: str, tells: str, failure_class: Of) -> Case:
    """A freestyle job of Jenkins in which a command says something and fails."""
    return Case(f"{FREESTYLE}{said}\n{FREESTYLE_END}", tells, failure_class)


JENKINS = {
    "ant-without-its-script": shell(
        "ERROR: Unable to find build script at /home/ci/workspace/app/build.xml", "Unable to find build", Of.CI_CONFIG
    ),
    "gradle-not-on-the-agent": shell(
        "[Gradle] - Launching build.\n[Gradle] - [ERROR] Can't retrieve the Gradle executable.",
        "Can't retrieve",
        Of.CI_CONFIG,
    ),
    "maven-not-on-the-agent": shell(
        "FATAL: Couldn\u2019t find any executable in /opt/maven", "find any executable", Of.CI_CONFIG
    ),
    "nothing-to-deploy": shell(
        "ERROR: Step \u2018Deploy war/ear to a container\u2019 aborted due to exception: \n"
        "java.lang.InterruptedException: [DeployPublisher][WARN] No wars found. Deploy aborted. %n",
        "No wars found",
        Of.DEPLOY,
    ),
    "an-app-may-not-be-exported": shell(
        'error: exportArchive: "Demo.app" requires a provisioning profile with the Push Notifications feature.\n'
        "** EXPORT FAILED **\nFailed to build /Users/ci/workspace/demo/build/Demo.ipa",
        "exportArchive",
        Of.COMPILE_ERROR,
    ),
    "a-user-of-subversion-is-refused": shell(
        "ERROR: Failed to update svn://svn.example.com/app\norg.tmatesoft.svn.core.SVNAuthenticationException: svn:"
        " E170001: Authentication required for '<svn://svn.example.com:3690> app'",
        "SVNAuthenticationException",
        Of.CREDENTIALS,
    ),
    "somebody-aborts": Case(
        f"{FREESTYLE}+ make test\nBuild was aborted\nAborted by alice\nFinished: ABORTED\n",
        "Aborted by alice",
        Of.ABORTED,
    ),
    "nobody-has-the-label-and-somebody-aborts": Case(
        "[Pipeline] node\nStill waiting to schedule task\n'Jenkins' doesn't have label 'maven-17'\nAborted by alice\n"
        "[Pipeline] // node\n[Pipeline] End of Pipeline\nFinished: ABORTED\n",
        "have label",
        Of.ABORTED,
    ),
    "a-step-has-a-time-limit": Case(
        f"{PIPELINE}Timeout set to expire in 5 min\n[Pipeline] {{\n[Pipeline] sh\n+ ./soak.sh\n"
        "Cancelling nested steps due to timeout\nSending interrupt signal to process\nTerminated\n"
        "script returned exit code 143\n[Pipeline] }\n[Pipeline] End of Pipeline\nTimeout has been exceeded\n"
        "Finished: ABORTED\n",
        "Cancelling nested",
        Of.TIMEOUT,
    ),
    "a-build-has-a-time-limit": Case(
        f"{FREESTYLE}+ ./soak.sh\nBuild timed out (after 10 minutes). Marking the build as aborted.\n"
        "Build was aborted\n"
        "Finished: ABORTED\n",
        "Build timed out",
        Of.TIMEOUT,
    ),
    "a-newer-build-supersedes": Case(
        f"{PIPELINE}+ make\nSuperseded by #18\nFinished: NOT_BUILT\n", "Superseded by", Of.ABORTED
    ),
    "a-step-that-does-not-exist": Case(
        "[Pipeline] Start of Pipeline\n[Pipeline] End of Pipeline\njava.lang.NoSuchMethodError: No such DSL method"
        " 'publishHTML' found among steps [archive, bat, build]\n"
        "\tat org.jenkinsci.plugins.workflow.cps.DSL.invokeMethod(DSL.java:219)\nFinished: FAILURE\n",
        "No such DSL method",
        Of.CI_CONFIG,
    ),
    "a-variable-that-does-not-exist": Case(
        "[Pipeline] End of Pipeline\ngroovy.lang.MissingPropertyException: No such property: BRANCH for class:"
        " groovy.lang.Binding\n\tat groovy.lang.Binding.getVariable(Binding.java:63)\nFinished: FAILURE\n",
        "MissingPropertyException",
        Of.CI_CONFIG,
    ),
    "a-script-is-not-permitted": Case(
        "[Pipeline] End of Pipeline\norg.jenkinsci.plugins.scriptsecurity.sandbox.RejectedAccessException: Scripts not"
        " permitted to use staticMethod java.lang.System getenv\n\tat org.jenkinsci.Whitelist.reject(W.java:175)\n"
        "Finished: FAILURE\n",
        "Scripts not permitted",
        Of.CI_CONFIG,
    ),
    "a-library-nobody-has": Case(
        "ERROR: Could not find any definition of libraries [shared]\n"
        "org.codehaus.groovy.control.MultipleCompilationErrorsException: startup failed:\n"
        "WorkflowScript: Loading libraries failed\n\n1 error\nFinished: FAILURE\n",
        "Could not find any definition",
        Of.CI_CONFIG,
    ),
    "a-pod-is-gone": Case(
        f"{PIPELINE}+ make\nCannot contact worker-6k06h: java.lang.InterruptedException\n"
        "ci/worker-6k06h Pod just failed. Reason: Evicted, Message: The node was low on resource: memory.\n"
        "Agent worker-6k06h was deleted; cancelling node body\n"
        "Could not connect to worker-6k06h to send interrupt signal to process\nFinished: ABORTED\n",
        "Pod just failed",
        Of.AGENT_LOST,
    ),
    "a-channel-closes": Case(
        f"{FREESTYLE}+ make\nFATAL: command execution failed\njava.nio.channels.ClosedChannelException\n"
        "\tat org.jenkinsci.remoting.protocol.NetworkLayer.onRecvClosed(NetworkLayer.java:155)\n"
        "Caused: java.io.IOException: Backing channel 'node-7' is disconnected.\n"
        "\tat hudson.remoting.RemoteInvocationHandler.channelOrFail(R.java:215)\nFinished: FAILURE\n",
        "ClosedChannelException",
        Of.AGENT_LOST,
    ),
    "a-quality-gate": Case(
        f"{PIPELINE}ERROR: Pipeline aborted due to quality gate failure: ERROR\nFinished: FAILURE\n",
        "quality gate failure",
        Of.LINT,
    ),
    "a-credential-nobody-has": Case(
        f"{PIPELINE}[Pipeline] withCredentials\n[Pipeline] End of Pipeline\n"
        "ERROR: Could not find credentials entry with ID 'deploy-key'\nFinished: FAILURE\n",
        "credentials entry",
        Of.CREDENTIALS,
    ),
    "no-reports-as-the-clone-failed": Case(
        "Cloning repository https://git.example.com/app\nERROR: Error fetching remote repo 'origin'\n"
        "hudson.plugins.git.GitException: Failed to fetch from https://git.example.com/app\n"
        "\tat hudson.plugins.git.GitSCM.fetchFrom(GitSCM.java:894)\n"
        'Caused by: hudson.plugins.git.GitException: Command "git fetch https://git.example.com/app" returned status'
        " code 128:\nstdout: \nstderr: fatal: unable to access 'https://git.example.com/app/': Failed to connect to"
        " git.example.com port 443: Connection timed out\n\n"
        "\tat org.jenkinsci.plugins.gitclient.CliGitAPIImpl.launchCommandIn(CliGitAPIImpl.java:2050)\n"
        "ERROR: Error fetching remote repo 'origin'\nRecording test results\n"
        "ERROR: Step \u2018Publish JUnit test result report\u2019"
        " failed: No test report files were found. Configuration error?\nFinished: FAILURE\n",
        "stderr: fatal: unable to access",
        Of.SCM,
    ),
    "a-mailer-fails-last": Case(
        f"{FREESTYLE}+ ./deploy.sh\nscp: /srv/app: No such file or directory\n"
        "Build step 'Execute shell' marked build as failure\n"
        "ERROR: Couldn't connect to host, port: localhost, 25; timeout 60000\n"
        "com.sun.mail.util.MailConnectException: Couldn't connect to host, port: localhost, 25; timeout 60000;\n"
        "Finished: FAILURE\n",
        "scp: /srv/app",
        Of.DEPLOY,
    ),
}

OTHER_CI = {
    "travis-is-silent": Case(
        "$ make soak\n\n\nNo output has been received in the last 10m0s, this potentially indicates a stalled build or"
        " something wrong with the build itself.\n\nThe build has been terminated\n",
        "No output has been received",
        Of.TIMEOUT,
    ),
    "a-runner-shuts-down": Case(
        "make test\n##[error]The runner has received a shutdown signal. This can happen when the runner service"
        " is stopped, or a manually started runner is canceled.\n" + GITHUB_END,
        "shutdown signal",
        Of.AGENT_LOST,
    ),
    "an-action-nobody-has": Case(
        "Getting action download info\n##[error]Unable to resolve action `actions/checkout@v99`, unable to find version"
        " `v99`\n",
        "Unable to resolve action",
        Of.CI_CONFIG,
    ),
    "a-workflow-is-cancelled": Case(
        "Run make test\n##[error]The operation was canceled.\nPost job cleanup.\n", "was canceled", Of.ABORTED
    ),
    "a-job-of-gitlab-is-too-slow": Case(
        "$ make soak\nERROR: Job failed: execution took longer than 1h0m0s seconds\n", "took longer", Of.TIMEOUT
    ),
    "a-runner-of-gitlab-fails": Case(
        'Preparing the "kubernetes" executor\nERROR: Job failed (system failure): pods "runner-1" not found\n',
        "system failure",
        Of.AGENT_LOST,
    ),
    "an-agent-of-azure-is-silent": Case(
        "##[error]We stopped hearing from agent Azure Pipelines 12. Verify the agent machine is running.\n",
        "stopped hearing",
        Of.AGENT_LOST,
    ),
    "circleci-is-silent": Case(
        "npm test\n\nToo long with no output (exceeded 10m0s): context deadline exceeded\n", "Too long", Of.TIMEOUT
    ),
    "prow-ends-a-test": Case(
        '{"component":"entrypoint","level":"error","msg":"Process did not finish before 4h0m0s timeout"}\n'
        '{"component":"entrypoint","level":"error","msg":"Process did not exit before 30m0s grace period"}\n',
        "did not finish",
        Of.TIMEOUT,
    ),
}

CONTAINERS = {
    "the-socket-is-not-permitted": shell(
        "docker: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock:"
        ' Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/create": connect: permission denied.\n'
        "See 'docker run --help'.",
        "permission denied",
        Of.CI_CONFIG,
    ),
    "the-daemon-is-away": shell(
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "Cannot connect",
        Of.DOCKER_DAEMON,
    ),
    "what-a-classic-build-ran": shell(
        "Step 3/4 : RUN pip install -r requirements.txt\n ---> Running in 9d2c\n"
        "ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 0.1, 2.0)\n"
        "ERROR: No matching distribution found for flask==99\n"
        "The command '/bin/sh -c pip install -r requirements.txt' returned a non-zero code: 1",
        "Could not find a version",
        Of.DEPENDENCY_MIRROR,
    ),
    "what-buildkit-ran": shell(
        "#12 [4/5] RUN npm ci\n#12 4.311 npm error code E404\n"
        "#12 4.312 npm error 404 Not Found - GET https://npm.example.com/left-padd - Not found\n"
        '#12 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1\n------\n'
        " > [4/5] RUN npm ci:\n4.311 npm error code E404\n------\n"
        'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
        "npm error code E404",
        Of.DEPENDENCY_MIRROR,
    ),
    "a-file-to-copy-is-missing": shell(
        "#7 [3/5] COPY requirements.txt .\n#7 ERROR: failed to calculate checksum of ref a1::c3: "
        '"/requirements.txt": not found\n------\nERROR: failed to solve: failed to compute cache key: failed to'
        ' calculate checksum of ref a1::c3: "/requirements.txt": not found',
        'requirements.txt": not found',
        Of.CI_CONFIG,
    ),
    "a-registry-is-unwell": shell(
        'Error response from daemon: Get "https://registry.example.com/v2/": net/http: request canceled while waiting'
        " for connection (Client.Timeout exceeded while awaiting headers)",
        "Error response",
        Of.IMAGE_REGISTRY,
    ),
    "a-tag-nobody-has": shell(
        "Error response from daemon: manifest for example/app:v99 not found: manifest unknown: manifest unknown",
        "manifest for",
        Of.CI_CONFIG,
    ),
    "a-pull-is-denied": shell(
        "Error response from daemon: pull access denied for example/app, repository does not exist or may require"
        " 'docker login': denied: requested access to the resource is denied",
        "pull access denied",
        Of.CREDENTIALS,
    ),
    "a-service-is-unhealthy": shell(
        "Container app-db-1  Error\ndependency failed to start: container app-db-1 is unhealthy",
        "dependency failed",
        Of.DOCKER_DAEMON,
    ),
}
