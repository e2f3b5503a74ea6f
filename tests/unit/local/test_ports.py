"""Ports: free, remembered, never given twice, and outside the range the kernel hands to clients."""

from __future__ import annotations

import socket
from pathlib import Path

from tidelock.local.ports import PortBook, is_free


def test_a_port_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json").take("redis")
    assert PortBook(tmp_path / "ports.json").take("redis") == first


def test_a_remembered_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json").take("redis")
    with socket.create_server(("127.0.0.1", first)):
        assert not is_free(first)
        assert PortBook(tmp_path / "ports.json").take("redis") != first


def test_forgetting_chooses_another(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    first = book.take("redis")
    book.forget("redis")
    assert book.take("redis") != first


def test_no_port_is_given_twice_and_none_is_ephemeral(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    given = [book.take(f"part-{number}") for number in range(50)]
    assert len(set(given)) == 50
    assert all(20000 <= port < 32768 for port in given)


def test_a_damaged_book_is_only_a_lost_wish(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text("{not json")
    assert PortBook(file).take("redis") >= 20000
