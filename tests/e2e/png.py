"""Pictures small enough for a repository: at most 256 colors, packed well. Only what a browser's pictures are made of: RGB or RGBA, 8
bits, not interlaced."""
import collections
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size(picture):
    assert picture[:8] == SIGNATURE
    return struct.unpack(">II", picture[16:24])


def _chunks(picture):
    at = len(SIGNATURE)
    while at < len(picture):
        length, = struct.unpack(">I", picture[at:at + 4])
        yield picture[at + 4:at + 8], picture[at + 8:at + 8 + length]
        at += 12 + length


def _paeth(left, above, corner):
    guess = left + above - corner
    apart = abs(guess - left), abs(guess - above), abs(guess - corner)
    return left if apart[0] <= apart[1] and apart[0] <= apart[2] else above if apart[1] <= apart[2] else corner


def _rows(picture):
    """Each row as bytes of RGB."""
    width, height = size(picture)
    depth, kind, _, _, interlace = struct.unpack(">BBBBB", picture[24:29])
    assert (depth, interlace) == (8, 0) and kind in (2, 6)
    step = 3 if kind == 2 else 4
    data = zlib.decompress(b"".join(body for name, body in _chunks(picture) if name == b"IDAT"))
    before = bytearray(width * step)
    for y in range(height):
        start = y * (width * step + 1)
        rule, row = data[start], bytearray(data[start + 1:start + 1 + width * step])
        for x in range(len(row)) if rule else ():
            left = row[x - step] if x >= step else 0
            above, corner = before[x], before[x - step] if x >= step else 0
            row[x] = (row[x] + (left if rule == 1 else above if rule == 2 else (left + above) // 2 if rule == 3 else _paeth(left, above, corner))) & 255
        before = row
        if step == 3:
            yield bytes(row)
        else:
            rgb = bytearray(width * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[0::4], row[1::4], row[2::4]
            yield bytes(rgb)


def _chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def smaller(picture):
    width, height = size(picture)
    rows = [[row[x:x + 3] for x in range(0, width * 3, 3)] for row in _rows(picture)]
    counted = collections.Counter(color for row in rows for color in row)
    palette = [color for color, _ in counted.most_common(256)]
    nearest = {color: number for number, color in enumerate(palette)}
    for color in counted:
        if color not in nearest:
            nearest[color] = min(range(len(palette)), key=lambda number: sum((a - b) ** 2 for a, b in zip(palette[number], color)))
    data = b"".join(b"\0" + bytes(nearest[color] for color in row) for row in rows)
    return SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + _chunk(b"PLTE", b"".join(palette)) \
        + _chunk(b"IDAT", zlib.compress(data, 9)) + _chunk(b"IEND", b"")
