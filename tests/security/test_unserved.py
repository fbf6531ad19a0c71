"""Security rows 14 and 21 as far as there is no login yet: APIs and versions that are not served, log injection, and
what a broker tells of itself."""

import io

import pytest
from specimens import frame_of
from victim import Victim

from odradek.core.requests.dispatch import SERVED
from odradek.core.wire.registry import APIS
from odradek.io.notes import Notes

NASTY = (
    *("a\r\nERROR forged line", "a\nb", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "%s %d {0} {x.__class__}", "\0\0"),
    *("\x85next", "\u2028line", "\u202eright to left", "\x9b31m", "${jndi:ldap://127.0.0.1/x}", "x" * 10_000, "a\x7fb"),
)
INTER_BROKER = (4, 5, 6, 7, 27, 52, 53, 54, 55, 56, 57, 58, 59, 62, 63, 64, 67, 70, 73, 80, 81, 82, 83)
API_VERSIONS = 18


def header(key, version, client_id=b"\xff\xff"):
    return key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big", signed=True) + b"\0\0\0\1" + client_id


@pytest.mark.parametrize("key", [*(key for key in range(-3, 130) if key not in SERVED), 2**15 - 1, -(2**15)])
def test_an_api_that_is_not_served_ends_the_connection(victim, key):
    """Row 22 as well: with one node, no RPC between brokers is served to anybody."""
    before = victim.state()
    for version in (0, 1, 5):
        assert victim.attack(header(key, version) + bytes(50)).is_closed
    assert victim.state() == before


def test_no_api_between_brokers_is_served():
    assert not set(INTER_BROKER) & set(SERVED)


@pytest.mark.parametrize("key", sorted(set(SERVED) - {API_VERSIONS}))
def test_a_version_that_is_not_served_ends_the_connection(victim, key):
    api = APIS[key]
    for version in (api.lowest - 1, -1, -(2**15), api.highest + 1, 2**15 - 1):
        if not 0 <= version <= api.highest or version < api.lowest:
            assert victim.attack(header(key, version) + bytes(50)).is_closed
    assert victim.unharmed()


@pytest.mark.parametrize("version", [5, 99, 2**15 - 1, -1])
def test_an_unknown_version_of_api_versions_is_answered_with_version_0(victim, version):
    client = victim.attack(header(API_VERSIONS, version) + b"anything at all")

    assert not client.is_closed
    assert victim.lab.sent[client.conn].pop()[4:10] == b"\0\0\0\1\0\x23"


@pytest.mark.parametrize("text", NASTY)
def test_no_text_of_a_client_is_more_than_one_printable_line_in_the_log(text):
    stream = io.StringIO()
    Notes(stream, "debug").tell(text, level="debug", why=text, code=text.encode(), nested=[text, {text: text}])
    line = stream.getvalue()

    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert len(line) < 4000


@pytest.mark.parametrize("text", NASTY)
def test_what_the_node_notes_of_a_hostile_client_is_one_printable_line(text):
    victim = Victim()
    before = len(victim.lab.notes)
    for key, version in ((11, 5), (3, 12), (19, 7), (33, 1), (10, 2)):
        cls = APIS[key].request
        victim.attack(frame_of(key, version, cls(), client_id=text[:30_000]))
    victim.create(text[:300])
    victim.attack(header(3, 12) + text.encode())
    stream = io.StringIO()
    notes = Notes(stream, "debug")
    for note in victim.lab.notes[before:]:
        notes.tell(note.text, **note.fields)

    lines = stream.getvalue().split("\n")
    assert len(lines) == len(victim.lab.notes) - before + 1
    assert all(line.isprintable() for line in lines)


def test_nothing_a_client_sent_is_a_format(victim):
    stream = io.StringIO()
    Notes(stream, "debug").tell("%s{0}", why="{why}%(why)s")

    assert "%s{0}" in stream.getvalue()
    assert "{why}%(why)s" in stream.getvalue()
