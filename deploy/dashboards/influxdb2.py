"""InfluxDB 2's template: a bucket is not in it, the dashboards, the variables and the checks are.

A template's dashboard has a grid of twelve columns, and its names (metadata.name) are what a stack knows its resources by: they must
stay the same from version to version, or an update would make a second dashboard beside the first.

What a template cannot say, the bounds of axes and what the editor of checks shows, is told to the API after it was applied (afterwards).
"""

import dataclasses
import json

from . import flux

API = "influxdata.com/v2alpha1"
# InfluxDB's own palette "Nineteen Eighty Four".
COLOURS = [("#31C0F6", "Nineteen Eighty Four"), ("#A500A5", "Nineteen Eighty Four"), ("#FF7E27", "Nineteen Eighty Four")]
SUFFIX = {"percent": "%", "bytes": "B", "Bps": "B/s", "bps": "bit/s", "s": "s", "ms": "s", "pps": "p/s", "iops": "/s", "ops": "/s", "cps": "/s", "reqps": "/s", "celsius": "°C", "rotrpm": "rpm", "watt": "W"}
# How the axis shortens numbers: "10" by SI prefixes, which stand before the suffix (so milliseconds are asked for as seconds), ""
# not at all: a load of 0.15 and not 150m, 0.15 % and not 150m%, 0.2 p/s and not 200mp/s.
PREFIXED = ("bytes", "Bps", "bps", "s", "ms")


def _scale_colours(options):
    warn, bad = options.get("warn"), options.get("bad")
    out = [{"name": "base", "type": "text", "hex": "#32B08C", "value": 0}]
    if warn is not None:
        out.append({"name": "warn", "type": "text", "hex": "#FFB94A", "value": warn})
    if bad is not None:
        out.append({"name": "bad", "type": "text", "hex": "#DC4E58", "value": bad})
    return out


def _chart(panel, place, description, narrow):
    if panel.unit == "ms":
        panel = dataclasses.replace(panel, queries=[dataclasses.replace(query, scale=query.scale / 1000) for query in panel.queries])
    queries = [{"query": text} for text in flux.texts(panel, description, narrow, flux.INFLUXDB)]
    suffix = SUFFIX.get(panel.unit, "")
    out = {"name": panel.title, "xPos": place[0], "yPos": place[1], "width": place[2], "height": place[3], "queries": queries}
    if panel.note:
        out |= {"note": panel.note, "noteOnEmpty": False}
    if panel.kind == "graph":
        y = {"name": "y", "scale": "linear", "base": "10" if panel.unit in PREFIXED else "", "suffix": suffix}
        out |= {
            "kind": "Xy", "geom": "line", "shade": bool(panel.options.get("stacked")), "hoverDimension": "auto",
            "position": "stacked" if panel.options.get("stacked") else "overlaid", "xCol": "_time", "yCol": "_value",
            "axes": [{"name": "x", "scale": "linear", "base": "10"}, y],
            "colors": [{"id": f"colour{i}", "name": name, "type": "scale", "hex": value} for i, (value, name) in enumerate(COLOURS)],
        }  # fmt: skip
    elif panel.kind == "stat":
        decimals = panel.options.get("decimals", 0)
        if panel.unit in flux.READABLE:
            suffix, decimals = flux.READABLE[panel.unit][1], 1
        out |= {
            "kind": "Single_Stat", "decimalPlaces": decimals, "suffix": suffix and " " + suffix,
            "colors": [{"id": f"colour{i}", **colour} for i, colour in enumerate(_scale_colours(panel.options))],
        }  # fmt: skip
    else:
        names = ["host", *(flux.column_label(label, flux.INFLUXDB) for query in panel.queries for label in query.fields.values())]
        # Numbers are rounded by the query: decimal places here would be given to the whole ones, too. A first column that is fixed
        # hides the hosts' names.
        out |= {
            "kind": "Table", "timeFormat": "YYYY-MM-DD HH:mm:ss",
            "fieldOptions": [{"fieldName": name, "displayName": name, "visible": True} for name in names],
            "tableOptions": {"sortBy": "host", "verticalTimeAxis": True, "wrapping": "truncate", "fixFirstColumn": False},
            "colors": [{"id": "base", "name": "base", "type": "text", "hex": "#FFFFFF", "value": 0}],
        }  # fmt: skip
    return out


def _column(at):
    return (at + 1) // 2


def _dashboard(board, description):
    charts, y = [], 0
    for _, row in board.rows:
        at = tallest = 0  # in the description's 24 columns
        for panel in row:
            height = max(2, (panel.height + 1) // 2)
            if at + panel.width > 24:
                at, y, tallest = 0, y + tallest, 0
            # Both edges are rounded, so that neighbours touch and a full row ends at the right edge.
            left, right = _column(at), _column(at + panel.width)
            charts.append(_chart(panel, (left, y, right - left, height), description, board.narrow))
            at, tallest = at + panel.width, max(tallest, height)
        y += tallest
    return {"apiVersion": API, "kind": "Dashboard", "metadata": {"name": f"resmon-{board.id}"},
            "spec": {"name": board.title, "description": board.purpose, "charts": charts}}  # fmt: skip


# The editor of checks makes the query from the builder's configuration again when somebody saves there, so the two say the same.
def _builder(check, bucket):
    filters = {"_measurement": check["from"], "_field": check["field"], **check.get("where", {})}
    return {
        "buckets": [bucket],
        "tags": [{"key": key, "values": [value], "aggregateFunctionType": "filter"} for key, value in filters.items()],
        "functions": [] if "silent_seconds" in check else [{"name": "mean"}],
        "aggregateWindow": {"period": "1m", "fillValues": False},
    }


def _check_query(check, bucket):
    builder = _builder(check, bucket)
    lines = [f"from(bucket: {flux.quoted(bucket)})", "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)"]
    lines += [f"  |> filter(fn: (r) => r[{flux.quoted(tag['key'])}] == {flux.quoted(tag['values'][0])})" for tag in builder["tags"]]
    for function in builder["functions"]:
        lines += [f"  |> aggregateWindow(every: {builder['aggregateWindow']['period']}, fn: {function['name']}, createEmpty: false)",
                  f"  |> yield(name: {flux.quoted(function['name'])})"]  # fmt: skip
    return "\n".join(lines)


def _name(check):
    return f"resmon: {check['title']}"


def _check(check, bucket):
    spec = {
        "name": _name(check), "status": "active", "every": "1m", "offset": "10s", "query": _check_query(check, bucket),
        "tags": [{"key": "resmon", "value": check["id"]}],
    }  # fmt: skip
    if "silent_seconds" in check:
        kind = "CheckDeadman"
        spec |= {
            "timeSince": f"{check['silent_seconds']}s", "staleTime": f"{check['forget_seconds']}s", "reportZero": False, "level": "CRIT",
            # Written each minute for each host, whatever its level. _time is when the check ran.
            "statusMessageTemplate": "${ r.host }: ${ r._level } (last data ${ (int(v: r._time) - r._source_timestamp) / 1000000000 } s ago)",
        }  # fmt: skip
    else:
        kind = "CheckThreshold"
        spec |= {
            "statusMessageTemplate": "${ r.host }" + "".join(f" ${{ r.{tag} }}" for tag in check.get("tell", [])) + ": " + check["title"].lower()
            # No thresholds: somebody may change them in InfluxDB's UI, and this text would not follow.
            + " ${ float(v: int(v: r." + check["field"] + " * 10.0 + 0.5)) / 10.0 } % (${ r._level })",
            # Asked in this order, the first that is true counts: so no value is between two levels.
            "thresholds": [
                {"type": "greater", "level": "CRIT", "value": check["bad"], "allValues": False},
                {"type": "greater", "level": "WARN", "value": check["warn"], "allValues": False},
                {"type": "lesser", "level": "OK", "value": check["bad"], "allValues": False},
            ],
        }  # fmt: skip
    return {"apiVersion": API, "kind": kind, "metadata": {"name": f"resmon-{check['id']}"}, "spec": spec}


def afterwards(description, bucket):
    """The lines of resmon.tsv; deploy/dashboards/apply says what they mean. A bound that is empty is left to the data."""
    lines = []
    for board in description.dashboards:
        for panel in (panel for _, row in board.rows for panel in row if panel.kind == "graph"):
            if panel.options.keys() & {"min", "max"}:
                bounds = [f"{panel.options[end]:g}" if end in panel.options else "" for end in ("min", "max")]
                lines.append(("bounds", board.title, panel.title, json.dumps(bounds)))
    lines += [("builder", _name(check), "-", json.dumps(_builder(check, bucket))) for check in description.checks]
    return "".join("\t".join(line) + "\n" for line in lines)


def template(description, bucket):
    """The documents. Variables: bucket, and those of the description; what there is to choose of an interface, a disk or a mount
    depends on the chosen host."""
    narrow = {name: board.narrow for board in description.dashboards for name in board.variables}
    variables = [
        {"apiVersion": API, "kind": "Variable", "metadata": {"name": "resmon-variable-bucket"},
         "spec": {"name": f"{flux.PREFIX}bucket", "type": "constant", "values": [bucket]}},
        *({"apiVersion": API, "kind": "Variable", "metadata": {"name": f"resmon-variable-{name}"},
           "spec": {"name": flux.PREFIX + name, "type": "query", "language": "flux", "description": f"resmon: {one['label'].lower()}",
                    "query": flux.variable(description, name, flux.INFLUXDB, narrow.get(name, ""))}}
          for name, one in description.variables.items()),
    ]  # fmt: skip
    return variables + [_dashboard(board, description) for board in description.dashboards] + [_check(check, bucket) for check in description.checks]
