"""Notifications to systemd, over a real datagram socket."""

import os
import socket

import pytest

from quotelife.runtime.systemd import SystemdNotifier


@pytest.mark.parametrize("abstract", [False, True])
def test_state_changes_are_sent_to_systemd(tmp_path, monkeypatch, abstract):
    name = f"@quotelife-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "4000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = SystemdNotifier()
        assert notifier.watchdog_s == 4.0
        notifier.ready("here")
        notifier.alive()
        notifier.stopping()
        assert systemd.recv(100) == b"READY=1\nSTATUS=here"
        assert systemd.recv(100) == b"WATCHDOG=1"
        assert systemd.recv(100).startswith(b"STOPPING=1")
        notifier.close()
    assert "NOTIFY_SOCKET" not in os.environ and "WATCHDOG_USEC" not in os.environ


def test_nothing_is_sent_without_systemd(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = SystemdNotifier()
    assert notifier.watchdog_s is None
    notifier.ready("here")
    notifier.close()


def test_watchdog_of_another_process_is_ignored(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert SystemdNotifier().watchdog_s is None


def test_absent_listener_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notifier = SystemdNotifier()
    notifier.ready("here")
    notifier.close()
