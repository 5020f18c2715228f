"""The client protocol in Python, written from docs/wire_format.md and from nothing else: that a program in another language
can be is what the tests that use it prove. Bytes only; no sockets."""

import struct

HELLO, WELCOME, REFUSE, SCHEMA, SAMPLES, ACK, PING, PONG, GOODBYE, NOTICE = range(1, 11)
FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING = range(5)
REFUSALS = {1: "version", 2: "token", 3: "malformed", 4: "limit", 5: "not_hello", 6: "busy", 7: "name_in_use", 8: "stopping", 9: "wrong_name"}
MASK = (1 << 64) - 1


class Malformed(Exception):
    pass


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    """The value is taken modulo 2**64, as a signed number."""
    value &= MASK
    if value >> 63:
        value -= 1 << 64
    return varint(((value << 1) ^ (value >> 63)) & MASK)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return varint(len(raw)) + raw


def pairs(items):
    items = list(items)
    return varint(len(items)) + b"".join(text(key) + text(value) for key, value in items)


def frame(kind, payload):
    return struct.pack("<IB", len(payload), kind) + payload


def hello(client, token, stream, *, clock, interval_ns=10**9, oldest=0, tags=(), software="wire.py 1", versions=(2, 2)):
    return frame(
        HELLO,
        b"RSMN"
        + struct.pack("<HH", *versions)
        + stream
        + text(client)
        + text(token)
        + text(software)
        + struct.pack("<q", clock)
        + varint(interval_ns)
        + varint(oldest)
        + pairs(tags),
    )


def ping(nonce):
    return frame(PING, struct.pack("<Q", nonce))


def pong(nonce):
    return frame(PONG, struct.pack("<Q", nonce))


def goodbye(reason):
    return frame(GOODBYE, text(reason))


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Malformed("ends early")
        out = self.data[self.at : self.at + count]
        self.at += count
        return out

    def unpack(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self):
        return self.take(self.varint()).decode()


def decode(kind, payload):
    """A server's frame as a dictionary; of an unknown type, its type only."""
    r = Reader(payload)
    if kind == WELCOME:
        names = ("version", "acknowledged", "clock", "max_frame_bytes", "max_series", "idle_timeout_ns", "software")
        values = (r.unpack("H"), r.varint(), r.unpack("q"), r.varint(), r.varint(), r.varint(), r.text())
        return {"type": kind, **dict(zip(names, values))}
    if kind == REFUSE:
        code, retry, reason = r.unpack("H"), r.varint(), r.text()
        return {"type": kind, "code": REFUSALS.get(code, code), "retry_after_ns": retry, "reason": reason}
    if kind == ACK:
        return {"type": kind, "sequence": r.varint()}
    if kind in (PING, PONG):
        return {"type": kind, "nonce": r.unpack("Q")}
    if kind == GOODBYE:
        return {"type": kind, "reason": r.text()}
    if kind == NOTICE:
        return {"type": kind, "text": r.text()}
    return {"type": kind}


class Frames:
    """Takes frames off the front of a byte stream."""

    def __init__(self):
        self.buffer = b""

    def append(self, data):
        self.buffer += data

    def next(self):
        if len(self.buffer) < 5:
            return None
        length, kind = struct.unpack_from("<IB", self.buffer)
        if len(self.buffer) < 5 + length:
            return None
        payload = self.buffer[5 : 5 + length]
        self.buffer = self.buffer[5 + length :]
        return decode(kind, payload)


def scaled(value, decimals):
    """n(x) of the specification. Python rounds halves to even, as it asks."""
    product = value * float(10**decimals)
    return round(product) if abs(product) < 2.0**53 else 0


class Encoder:
    """SCHEMA and SAMPLES of one connection. Rows are (schema, {field: value}) or (schema, {…}, time)."""

    def __init__(self):
        self.schemas = []
        self.shapes = []
        self.next_shape = 0
        self.last_time = 0
        self.last_step = 0

    def declare(self, measurement, tags, fields, complements=()):
        """`fields`: (name, type) in order; `complements`: (field, of) by their places. Returns the schema's id and the frame."""
        number = len(self.schemas)
        blank = {FLOAT: 0.0, BOOLEAN: False, STRING: ""}
        self.schemas.append(
            {
                "fields": list(fields),
                "last": [blank.get(kind, 0) for _, kind in fields],
                "decimals": [2] * len(fields),
                "shift": [0] * len(fields),
                "complements": dict(complements),
                "presence": [False] * len(fields),
            }
        )
        payload = varint(number) + text(measurement) + pairs(tags) + varint(len(fields))
        payload += b"".join(text(name) + bytes([kind]) for name, kind in fields)
        payload += varint(len(complements)) + b"".join(varint(field) + varint(of) for field, of in complements)
        return number, frame(SCHEMA, payload)

    def samples(self, first, batches):
        """`batches`: (time, rows) each."""
        body = b"".join(self.batch(time, rows) for time, rows in batches)
        return frame(SAMPLES, b"\x00" + varint(first) + varint(len(batches)) + body)

    def batch(self, time, rows):
        out = zigzag(time - self.last_time - self.last_step)
        self.last_step = time - self.last_time
        self.last_time = time
        times = [row[2] if len(row) > 2 else time for row in rows]
        offsets = any(t != time for t in times)
        shape = [row[0] for row in rows]
        slot = self.shapes.index(shape) + 1 if shape in self.shapes else 0
        out += varint(slot << 1 | offsets)
        if slot == 0:
            out += varint(len(shape))
            expected = 0
            for number in shape:
                out += zigzag(number - expected)
                expected = number + 1
            if len(self.shapes) < 16:
                self.shapes.append(shape)
            else:
                self.shapes[self.next_shape] = shape
                self.next_shape = (self.next_shape + 1) % 16
        if offsets:
            out += b"".join(zigzag(t - time) for t in times)

        differing, previous, bitmaps = 0, 0, b""
        for index, (number, values, *_) in enumerate(rows):
            schema = self.schemas[number]
            presence = [name in values for name, _ in schema["fields"]]
            if presence != schema["presence"]:
                schema["presence"] = presence
                bitmaps += varint(index - previous) + bitmap(presence)
                previous = index
                differing += 1
        out += varint(differing) + bitmaps

        changed, written = [], b""
        for number, values, *_ in rows:
            schema = self.schemas[number]
            before = list(schema["last"])
            for i, (name, kind) in enumerate(schema["fields"]):
                if name not in values:
                    continue
                value, expected = values[name], self.expected(schema, i, before, values)
                different = bits(value) != bits(expected) if kind == FLOAT else value != expected
                changed.append(different)
                schema["last"][i] = value
                if not different:
                    continue
                if kind == FLOAT:
                    written += self.float(schema, i, value, expected)
                elif kind in (INTEGER, UNSIGNED):
                    written += self.integer(schema, i, value - expected)
                elif kind == STRING:
                    written += text(value)
        return out + bitmap(changed) + written

    @staticmethod
    def expected(schema, i, before, values):
        last, of = schema["last"][i], schema["complements"].get(i)
        if of is None or schema["fields"][of][0] not in values:
            return last
        if schema["fields"][i][1] != FLOAT:
            return last - (schema["last"][of] - before[of])
        decimals = schema["decimals"][i]
        n = scaled(last, decimals) - (scaled(schema["last"][of], decimals) - scaled(before[of], decimals))
        return n / float(10**decimals)

    @staticmethod
    def integer(schema, i, delta):
        zeros = (delta & -delta).bit_length() - 1
        change = b""
        if zeros < schema["shift"][i] or (schema["shift"][i] == 0 and zeros >= 9):
            schema["shift"][i] = min(zeros, 12) if zeros >= 9 else 0
            change = bytes([0, schema["shift"][i]])
        return change + zigzag(delta >> schema["shift"][i])

    @staticmethod
    def float(schema, i, value, last):
        have = schema["decimals"][i]
        for decimals in [have] + [d for d in range(10) if d > have]:
            if bits(value) == bits(-0.0) or abs(value * 10.0**decimals) >= 2.0**53:
                break
            if scaled(value, decimals) / float(10**decimals) != value or (scaled(value, decimals) == 0 and value != 0):
                continue
            delta = scaled(value, decimals) - scaled(last, decimals)
            if decimals == have:
                return varint(unsigned_zigzag(delta) << 1)
            schema["decimals"][i] = decimals
            return varint(decimals << 1 | 1) + zigzag(delta)
        return varint(31) + struct.pack("<d", value)


def unsigned_zigzag(value):
    return value << 1 if value >= 0 else (-value << 1) - 1


def bits(value):
    return struct.pack("<d", value)


def bitmap(flags):
    out = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        out[i // 8] |= flag << (i % 8)
    return bytes(out)
