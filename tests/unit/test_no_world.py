"""The fixture that keeps unit tests from starting processes and using the network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from subprocess import Popen

import httpx
import pytest

from jitbuild.system import process
from jitbuild.system.replacement import replace_process

PROCESS = pytest.raises(AssertionError, match="would start a process, and a unit test must not")
CONNECTION = pytest.raises(
    AssertionError, match="would open a connection, and a unit test must not"
)
ARGV = [sys.executable, "-c", "pass"]


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run(ARGV, check=False),
        lambda: subprocess.check_output(ARGV),
        lambda: Popen(ARGV),
        lambda: os.system("true"),
        lambda: os.popen("true"),
        lambda: os.execv(ARGV[0], ARGV),
        lambda: os.spawnv(os.P_WAIT, ARGV[0], ARGV),
        lambda: process.run(ARGV),
        lambda: replace_process(ARGV, env={}),
    ],
)
def test_no_process_is_started(start):
    with PROCESS:
        start()


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
@pytest.mark.parametrize(
    "start",
    [
        lambda: os.fork(),  # noqa: PLW0108 - looked up when it is called
        lambda: os.posix_spawn(ARGV[0], ARGV, {}),
    ],
)
def test_no_process_is_forked(start):
    with PROCESS:
        start()


@pytest.mark.parametrize(
    "connect",
    [
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: httpx.get("http://127.0.0.1:9/", trust_env=False),
    ],
)
def test_no_connection_is_opened(connect):
    with CONNECTION:
        connect()


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_no_socket_connects(method):
    with socket.socket() as connection, CONNECTION:
        getattr(connection, method)(("127.0.0.1", 9))
