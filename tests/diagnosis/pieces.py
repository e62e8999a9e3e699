"""Pieces of logs, in the words of their tools, from which tests put whole logs together."""

JENKINS_START = """\
Started by an SCM change
Running as SYSTEM
Building remotely on node-7 (linux docker) in workspace /var/jenkins/workspace/unit
"""
FETCH = """\
 > git rev-parse --is-inside-work-tree # timeout=10
Fetching changes from the remote Git repository
 > git fetch --tags --progress https://github.com/example/project +refs/heads/*:refs/remotes/origin/*
Checking out Revision 1f0c4c3d6fb7d4a1e7a2f1c9e0b5a4d3c2b1a090 (refs/remotes/origin/main)
Commit message: "Drop the old parser"
[unit] $ /bin/sh -xe /tmp/jenkins4811.sh
"""
MARKED = "Build step 'Execute shell' marked build as failure\n"
FAILURE = "Finished: FAILURE\n"
SUCCESS = "Finished: SUCCESS\n"
ABORTED = "Finished: ABORTED\n"
PROGRESS = "".join(f"Compiling module {number} of 400\n" for number in range(1, 301))

GCC = """\
gcc -O2 -Wall -c -o scan.o scan.c
scan.c: In function 'scan_page':
scan.c:41:17: error: 'struct page' has no member named 'lenght'; did you mean 'length'?
   41 |     return page->lenght;
      |                 ^~~~~~
make[1]: *** [Makefile:12: scan.o] Error 1
make[1]: Leaving directory '/var/jenkins/workspace/unit/src'
make: *** [Makefile:4: all] Error 2
"""
GO_FAIL = """\
=== RUN   TestForkedSync
    sync_test.go:88: peer 3 never caught up
--- FAIL: TestForkedSync (4.02s)
FAIL
FAIL\texample.org/chain/sync\t31.844s
FAIL
"""
PYTEST = """\
=================================== FAILURES ===================================
_______________________________ test_total_price _______________________________

    def test_total_price():
>       assert total([1, 2]) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_price.py:8: AssertionError
=========================== short test summary info ============================
FAILED tests/test_price.py::test_total_price - assert 3 == 4
========================= 1 failed, 212 passed in 9.31s =========================
"""
MAVEN_COMPILE = """\
[ERROR] COMPILATION ERROR :
[INFO] -------------------------------------------------------------
[ERROR] /var/jenkins/workspace/unit/src/main/java/org/example/Scan.java:[31,20] cannot find symbol
  symbol:   method lenght()
  location: variable page of type org.example.Page
[INFO] 1 error
[INFO] ------------------------------------------------------------------------
[INFO] BUILD FAILURE
[INFO] ------------------------------------------------------------------------
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.8.1:compile (default-compile) on \
project unit: Compilation failure
"""
CLONE_RESET = """\
Cloning into 'vendor/lib'...
error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.
fatal: the remote end hung up unexpectedly
fatal: early EOF
fatal: index-pack failed
"""
MAILER_FAILS = """\
Sending e-mails to: dev@example.org
ERROR: Couldn't connect to host, port: localhost, 25; timeout 60000
com.sun.mail.util.MailConnectException: Couldn't connect to host, port: localhost, 25; timeout 60000;
  nested exception is:
\tjava.net.ConnectException: Connection refused (Connection refused)
\tat com.sun.mail.smtp.SMTPTransport.openServer(SMTPTransport.java:2210)
\tat hudson.tasks.MailSender.run(MailSender.java:131)
"""
JUNIT_FAILS = """\
Recording test results
ERROR: Step 'Publish JUnit test result report' failed: No test report files were found. Configuration error?
"""
REMOTE_CALL_AFTERWARDS = """\
ERROR: Failed to evaluate groovy script.
java.io.IOException: Remote call on node-7 failed
\tat hudson.remoting.Channel.call(Channel.java:655)
\tat org.jvnet.hudson.plugins.groovypostbuild.GroovyPostbuildRecorder.perform(GroovyPostbuildRecorder.java:273)
Caused by: java.lang.NoClassDefFoundError: Could not initialize class org.codehaus.groovy.runtime.InvokerHelper
\tat groovy.lang.GroovyObjectSupport.<init>(GroovyObjectSupport.java:32)
Build step 'Groovy Postbuild' marked build as failure
"""
AGENT_LOST = """\
FATAL: command execution failed
java.nio.channels.ClosedChannelException
\tat org.jenkinsci.remoting.protocol.impl.ChannelApplicationLayer.onReadClosed(ChannelApplicationLayer.java:209)
Caused: java.io.IOException: Backing channel 'node-7' is disconnected.
\tat hudson.remoting.RemoteInvocationHandler.channelOrFail(RemoteInvocationHandler.java:216)
\tat hudson.remoting.RemoteInvocationHandler.invoke(RemoteInvocationHandler.java:286)
FATAL: Unable to delete script file /tmp/jenkins4811.sh
java.io.EOFException
\tat java.io.ObjectInputStream$PeekInputStream.readFully(ObjectInputStream.java:2681)
"""
PIP_RETRIES = """\
Collecting requests
WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, status=None)) after connection broken \
by 'ReadTimeoutError("HTTPSConnectionPool(host='pypi.xxx', port=443): Read timed out.")': /simple/
  Downloading requests-2.32.3-py3-none-any.whl (64 kB)
Successfully installed requests-2.32.3
"""
SUBMODULE_RETRIED = """\
Submodule 'vendor/zlib' (https://github.com/madler/zlib) registered for path 'vendor/zlib'
fatal: unable to access 'https://github.com/madler/zlib/': Failed to connect to github.com port 443: timed out
fatal: clone of 'https://github.com/madler/zlib' into submodule path 'vendor/zlib' failed
Failed to clone 'vendor/zlib'. Retry scheduled
Cloning into '/var/jenkins/workspace/unit/vendor/zlib'...
Submodule path 'vendor/zlib': checked out 'cacf7f1d4e3d44d871b605da3b647f07d718623f'
"""
DEVICEMAPPER = (
    "docker: Error response from daemon: Error getting container init rootfs 0f2d1a from driver devicemapper: "
    "Error mounting '/dev/mapper/docker-8:1-init' on '/var/lib/docker/devicemapper/mnt/init': "
    "no such file or directory.\n"
)
TOLERATED_TRACE = """\
Exception in thread "warm-up" java.net.ConnectException: Connection refused (Connection refused)
\tat java.net.PlainSocketImpl.socketConnect(Native Method)
\tat org.example.WarmUp.run(WarmUp.java:31)
"""
DISK_FULL = """\
Traceback (most recent call last):
  File "/usr/lib/python3.8/logging/__init__.py", line 1085, in emit
    self.flush()
OSError: [Errno 28] No space left on device
"""
