"""Tables are aligned, and names cannot play tricks with the terminal."""

from odradek.io.cli.tables import shown, table, width


def test_columns_are_as_wide_as_their_content():
    text = table(("GROUP", "LAG"), [("a-long-name", 5), ("b", 1234567)])

    assert text == "GROUP        LAG\na-long-name  5\nb            1234567\n"


def test_what_is_not_known_is_a_dash():
    assert table(("A", "B", "C"), [(None, 0, "")]) == "A  B  C\n-  0  -\n"


def test_wide_characters_take_two_columns():
    assert width("日本") == 4
    assert width("e\u0301") == 1
    assert table(("A", "B"), [("日本", 1), ("abcd", 2)]) == "A     B\n日本  1\nabcd  2\n"


def test_a_name_cannot_move_the_cursor():
    assert shown("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert table(("A",), [("x\n",)]).count("\n") == 2
