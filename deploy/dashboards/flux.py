"""A query of the description as Flux. The same text serves Grafana and InfluxDB 2, but for how a chosen value is written:
`Matches` gives that."""

import json


def quoted(value):
    return json.dumps(value, ensure_ascii=False)


def _source(query, fields, matches):
    out = [f"from(bucket: {matches.bucket})"]
    out.append("  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)")
    out.append(f"  |> filter(fn: (r) => r._measurement == {quoted(query.measurement)})")
    out.append("  |> filter(fn: (r) => " + " or ".join(f"r._field == {quoted(field)}" for field in fields) + ")")
    for tag, value in query.where.items():
        out.append(f"  |> filter(fn: (r) => r[{quoted(tag)}] == {quoted(value)})")
    return out


def _labels(fields):
    """Names the series by their labels where those differ from the fields' names."""
    renamed = {field: label for field, label in fields.items() if field != label}
    if not renamed:
        return []
    if len(fields) == 1:
        return [f"  |> set(key: \"_field\", value: {quoted(next(iter(renamed.values())))})"]
    choice = " else ".join(f"if r._field == {quoted(field)} then {quoted(label)}" for field, label in renamed.items())
    return [f"  |> map(fn: (r) => ({{r with _field: {choice} else r._field}}))"]


def _scaled(scale):
    return [] if scale == 1 else [f"  |> map(fn: (r) => ({{r with _value: float(v: r._value) * {float(scale)!r}}}))"]


def _complement(query):
    return ["  |> map(fn: (r) => ({r with _value: 100.0 - r._value}))"] if query.complement else []


def _divided(divisor):
    return [] if divisor == 1 else [f"  |> map(fn: (r) => ({{r with _value: float(v: r._value) / {float(divisor)!r}}}))"]


def _rounded(decimals):
    if decimals is None:
        return []
    scale = float(10**decimals)
    scaled = f"math.round(x: float(v: r._value) * {scale!r}) / {scale!r}" if decimals else "math.round(x: float(v: r._value))"
    return [f"  |> map(fn: (r) => ({{r with _value: {scaled}}}))"]


class Matches:
    """How chosen values are written. bucket: an expression, or None for the template's own variable. prefix: of the variables' names.
    readable: numbers are rounded and in units that need no formatting (READABLE), for what shows them as they are."""

    def __init__(self, bucket, one_of, prefix="", readable=False):
        self.bucket = bucket or f"v.{prefix}bucket"
        self.one_of = one_of  # (name, variable) -> predicate text
        self.prefix = prefix
        self.readable = readable


# What a single number is divided by, and its unit then: uptime in days, memory in GiB.
READABLE = {"s": (86400, "d"), "bytes": (1 << 30, "GiB")}


# To how many decimals the numbers of a graph are rounded. InfluxDB shows them as they are where its prefixes make no sense (0.15 and not
# "150m"), so a mean would have sixteen digits; where it has prefixes, of bytes and bits, there is nothing less than one. Seconds are as
# they are: they become ms and µs. A client takes some ten thousandths of a core.
DECIMALS = {"percent": 2, "short": 4, "pps": 2, "iops": 2, "ops": 2, "cps": 2, "reqps": 2, "bytes": 0, "Bps": 0, "bps": 0, "celsius": 2, "rotrpm": 2, "watt": 2}


# A template replaces a user's variable of the same name, so its own have names that nobody else chooses.
PREFIX = "resmon_"
# InfluxDB's own variables have one value at a time; this one stands for all of them, and comes before them when sorted.
ALL = "(all)"


def _influxdb_one_of(name, variable):
    one = f"r[{quoted(variable['tag'])}] == v.{PREFIX}{name}"
    return f"v.{PREFIX}{name} == {quoted(ALL)} or {one}" if variable.get("several") else one


GRAFANA = Matches("v.defaultBucket", lambda name, variable: f"r[{quoted(variable['tag'])}] =~ /^${{{name}:regex}}$/")
INFLUXDB = Matches(None, _influxdb_one_of, PREFIX, readable=True)


def _chosen(names, description, matches):
    return [f"  |> filter(fn: (r) => {matches.one_of(name, description.variables[name])})" for name in names if name]


def query_text(panel, query, description, narrow, matches):
    out = _source(query, query.fields, matches) + _chosen([narrow, *query.filter], description, matches)
    if query.count:
        out += ["  |> last()", '  |> keep(columns: ["host"])', "  |> group()", '  |> distinct(column: "host")', "  |> count()",
                f"  |> map(fn: (r) => ({{_time: now(), _value: r._value, _field: {quoted(next(iter(query.fields.values())))}}}))"]  # fmt: skip
        return "\n".join(out)
    if query.largest:
        out += ["  |> last()", "  |> toFloat()", *_complement(query), "  |> group()", "  |> max()", '  |> keep(columns: ["_time", "_value", "_field"])']
        return "\n".join(out + _labels(query.fields))
    if panel.kind == "stat":
        out += ["  |> last()", '  |> group(columns: ["_field"])', "  |> last()"]
        divisor = READABLE[panel.unit][0] if matches.readable and panel.unit in READABLE else 1
        return "\n".join(out + _complement(query) + _scaled(query.scale) + _divided(divisor) + _labels(query.fields))
    groups = ", ".join(quoted(column) for column in ["_field", *query.by])
    if query.rate:
        # The last row of each window with its own time, and the change between those: exact whatever the window is. aggregateWindow
        # would give a row its window's end for a time, and the end of the range to the last window, which is cut off.
        # A derivative is of each series by itself; only then are they named by what tells them apart. A counter that begins again, as
        # all do when a machine restarts, makes a row without a value there, and float() of none is an error that ends the whole query.
        out += ["  |> window(every: v.windowPeriod)", "  |> last()", "  |> window(every: inf)", "  |> derivative(unit: 1s, nonNegative: true)"]
        out += ["  |> filter(fn: (r) => exists r._value)"]
        out += _scaled(query.scale)
        out += [f"  |> group(columns: [{groups}])"]
    else:
        out += [f"  |> group(columns: [{groups}])", f"  |> aggregateWindow(every: v.windowPeriod, fn: {query.calc}, createEmpty: false)"]
        out += _complement(query) + _scaled(query.scale)
    if matches.readable and panel.unit in DECIMALS:
        out = ['import "math"\n', *out, *_rounded(DECIMALS[panel.unit])]
    return "\n".join(out + _labels(query.fields))


def share_text(panel, query, description, narrow, matches):
    """Sums of the series' windows, divided by how many gathers a window has: the largest number of rows that a series has there. Windows in
    which a series has no row are 0. Joined as one table: the series have different tags."""
    groups = ", ".join(quoted(column) for column in ["_field", *query.by])
    out = ['import "math"\n'] if matches.readable and panel.unit in DECIMALS else []
    out += ["rows = " + "\n".join(_source(query, query.fields, matches) + _chosen([narrow, *query.filter], description, matches)), "  |> toFloat()", ""]
    out += ["gathers = rows", "  |> aggregateWindow(every: v.windowPeriod, fn: count, createEmpty: false)", '  |> group(columns: ["_time"])']
    out += ["  |> max()", "  |> group()", '  |> keep(columns: ["_time", "_value"])', ""]
    out += ["sums = rows", f"  |> group(columns: [{groups}])", "  |> aggregateWindow(every: v.windowPeriod, fn: sum, createEmpty: true)"]
    out += ["  |> fill(value: 0.0)", "  |> group()", f'  |> keep(columns: ["_time", "_value", {groups}])', ""]
    out += ['join(tables: {sum: sums, gathers: gathers}, on: ["_time"])']
    out += ["  |> map(fn: (r) => ({r with _value: r._value_sum / float(v: r._value_gathers)}))", '  |> drop(columns: ["_value_sum", "_value_gathers"])']
    out += [f"  |> group(columns: [{groups}])", '  |> sort(columns: ["_time"])']
    if matches.readable and panel.unit in DECIMALS:
        out += _rounded(DECIMALS[panel.unit])
    return "\n".join(out + _labels(query.fields))


def table_text(panel, description, narrow, matches):
    """All columns of a table of hosts in one query: each a stream of (host, label, value), turned sideways. InfluxDB's table says
    "null" for a number that is not there, such as the swap of a host without swap, and nothing for a text; it sorts texts by number, too."""
    names, out = [], ['import "math"\n'] if matches.readable else []
    for index, query in enumerate(panel.queries):
        (field, label), = query.fields.items()
        name = f"column{index}"
        names.append(name)
        pick = query.calc if query.calc in ("max", "min") else "last"
        out.append(f"{name} = " + "\n".join(_source(query, {field: label}, matches) + _chosen([narrow, *query.filter], description, matches)))
        out += ["  |> last()", "  |> toFloat()", *_complement(query), '  |> group(columns: ["host"])', f"  |> {pick}()"]
        if matches.readable:
            out += [*_divided(READABLE["s"][0] if label.endswith("(s)") else 1), *_rounded(1), "  |> toString()"]
        out += [f"  |> set(key: \"_field\", value: {quoted(column_label(label, matches))})", '  |> keep(columns: ["host", "_field", "_value"])', ""]
    out.append(f"union(tables: [{', '.join(names)}])")
    out += ["  |> group()", '  |> pivot(rowKey: ["host"], columnKey: ["_field"], valueColumn: "_value")', '  |> sort(columns: ["host"])']
    return "\n".join(out)


def column_label(label, matches):
    """A column of seconds is one of days where numbers are shown as they are."""
    return label.removesuffix("(s)") + "(d)" if matches.readable and label.endswith("(s)") else label


def texts(panel, description, narrow, matches):
    if panel.kind == "table":
        return [table_text(panel, description, narrow, matches)]
    return [(share_text if query.share and not query.rate else query_text)(panel, query, description, narrow, matches) for query in panel.queries]


def variable(description, name, matches, narrow=""):
    """The values to choose from; those of an interface, a disk or a mount only of the chosen hosts."""
    one = description.variables[name]
    predicate = f"r._measurement == {quoted(one['from'])}"
    if narrow and one["tag"] != "host":
        predicate += " and " + matches.one_of(narrow, description.variables[narrow])
    values = f"schema.tagValues(bucket: {matches.bucket}, tag: {quoted(one['tag'])}, predicate: (r) => {predicate}, start: -1d)"
    if matches is INFLUXDB and one.get("several"):
        return (
            'import "array"\nimport "influxdata/influxdb/schema"\n\n'
            f"union(tables: [array.from(rows: [{{_value: {quoted(ALL)}}}]), {values}])\n"
            "  |> group()\n"
            "  |> sort()"
        )
    return 'import "influxdata/influxdb/schema"\n\n' + values


def restarts(description, narrow, matches):
    """A row for every start of a machine, with the words that Grafana shows."""
    return "\n".join([
        f"from(bucket: {matches.bucket})",
        "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
        '  |> filter(fn: (r) => r._measurement == "kernel" and r._field == "boot_time")',
        *_chosen([narrow], description, matches),
        "  |> aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)",
        "  |> difference()",
        "  |> filter(fn: (r) => r._value > 5)",
        '  |> map(fn: (r) => ({_time: r._time, text: r.host + " was started again", tags: r.host}))',
        "  |> group()",
    ])  # fmt: skip
