"""Java's .properties syntax, as Kafka's server.properties is written in it.

Knows: comments, continued lines, escapes.  Does not know: what any property means.
Invariant: reads what java.util.Properties reads from a file, in UTF-8.
"""

ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
BLANKS = " \t\f"
BYTES_MAX = 1 << 20
LINES = ("\r\n", "\r")


class BadProperties(Exception):
    """The text is not a properties file; the message says where and why."""


def read_properties(path: str) -> dict[str, str]:
    """The properties of a file; a later one wins.  Raises OSError or `BadProperties`."""
    with open(path, "rb") as file:
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise BadProperties(f"{path} is larger than {BYTES_MAX} bytes")
    try:
        return parse(data.decode())
    except UnicodeDecodeError as error:
        raise BadProperties(f"{path} is not UTF-8 at byte {error.start}") from None
    except BadProperties as error:
        raise BadProperties(f"{path}: {error}") from None


def parse(text: str) -> dict[str, str]:
    """The properties in a text.  Raises `BadProperties` for a \\u without its four digits."""
    found: dict[str, str] = {}
    for line in logical_lines(text):
        key, value = split(line)
        found[unescape(key)] = unescape(value)
    return found


def logical_lines(text: str) -> list[str]:
    """Lines without comments and blank ones; a line that ends in an odd number of backslashes goes on in the next."""
    lines = []
    begun = ""
    going_on = False
    for end in LINES:
        text = text.replace(end, "\n")
    for raw in text.split("\n"):
        line = raw.lstrip(BLANKS)
        if not going_on and (not line or line[0] in "#!"):
            continue
        begun += line
        going_on = (len(begun) - len(begun.rstrip("\\"))) % 2 == 1
        if going_on:
            begun = begun[:-1]
        else:
            lines.append(begun)
            begun = ""
    if begun:
        lines.append(begun)
    return lines


def split(line: str) -> tuple[str, str]:
    """Key and value: the key ends at the first '=', ':' or blank that no backslash protects."""
    at = 0
    while at < len(line) and line[at] not in "=:" + BLANKS:
        at += 2 if line[at] == "\\" else 1
    rest = line[at:].lstrip(BLANKS)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(BLANKS)
    return line[:at], rest


def unescape(text: str) -> str:
    """Undo the backslashes; one before an ordinary character is dropped."""
    if "\\" not in text:
        return text
    out = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\" or at == len(text):
            out.append(char if char != "\\" else "")
            continue
        char = text[at]
        at += 1
        if char == "u":
            digits = text[at : at + 4]
            if len(digits) < 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise BadProperties(f"\\u{digits} needs four hexadecimal digits")
            char = chr(int(digits, 16))
            at += 4
        out.append(ESCAPES.get(char, char))
    return "".join(out)
