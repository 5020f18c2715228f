"""Grafana's dashboards (schema version 39, which Grafana 10.4 and newer read) and the files that provision them."""

from . import flux, influxql

FLUX = {"type": "influxdb", "uid": "resmon-influxdb-flux"}
CHOSEN = {"type": "influxdb", "uid": "${source}"}
# Grafana's own: computes with the answers of other queries.
EXPRESSION = {"type": "__expr__", "uid": "__expr__"}
INFLUXQL_UID = "resmon-influxdb-influxql"
STORE_UID = "resmon-store"
# No window is shorter than two gathers at the default interval: a window without a row would be a hole in a line.
INTERVAL = "10s"
# A line goes on over shorter holes: clients of a longer interval leave windows empty. A longer hole is an outage.
SPAN_NULLS_MS = 120_000


def uid(board_id, language):
    return f"resmon-{board_id}-{language}"


def _thresholds(options):
    warn, bad = options.get("warn"), options.get("bad")
    steps = [{"color": "green", "value": None}]
    if warn is not None and bad is not None and bad < warn:
        steps = [{"color": "red", "value": None}, {"color": "orange", "value": bad}, {"color": "green", "value": warn}]
    else:
        steps += [{"color": "orange", "value": warn}] if warn is not None else []
        steps += [{"color": "red", "value": bad}] if bad is not None else []
    return {"mode": "absolute", "steps": steps}


def _name(panel, language):
    """How a series is called: its label, and the tags that tell it from its neighbours. The result of an expression has labels only."""
    tags = panel.queries[0].by
    if language == "influxql" and _divides(panel):
        return " ".join([*panel.queries[0].fields.values(), *(f"${{__field.labels.{tag}}}" for tag in tags)])
    if language == "influxql":
        return " ".join(["$col", *(f"$tag_{tag}" for tag in tags)])
    return " ".join(["${__field.labels._field}", *(f"${{__field.labels.{tag}}}" for tag in tags)])


def _divides(panel):
    return any(query.share and not query.rate for query in panel.queries)


def _targets(panel, description, narrow, language):
    source = CHOSEN if language == "influxql" else FLUX
    letters = "ABCDEFGHIJKLMNOP"
    if language == "flux":
        texts = flux.texts(panel, description, narrow, flux.GRAFANA)
        return [{"refId": letters[i], "datasource": source, "query": text} for i, text in enumerate(texts)]
    if _divides(panel):
        parts = [{"refId": letter, "datasource": source, "rawQuery": True, "query": text, "resultFormat": "time_series", "hide": True}
                 for letter, text in zip("AB", influxql.shares(panel, description, narrow))]  # fmt: skip
        return [*parts, {"refId": "C", "datasource": EXPRESSION, "type": "math", "expression": "$A / $B"}]
    out = []
    for i, (_, text, form) in enumerate(influxql.targets(panel, description, narrow)):
        target = {"refId": letters[i], "datasource": source, "rawQuery": True, "query": text, "resultFormat": form}
        if form == "time_series":
            target["alias"] = _name(panel, language)
        out.append(target)
    return out


def _panel(panel, number, place, description, narrow, language):
    defaults = {"unit": panel.unit, "thresholds": _thresholds(panel.options), "color": {"mode": "palette-classic"}}
    for key in ("min", "max", "decimals"):
        if key in panel.options:
            defaults[key] = panel.options[key]
    out = {
        "id": number,
        "title": panel.title,
        "type": {"graph": "timeseries", "stat": "stat", "table": "table"}[panel.kind],
        "datasource": CHOSEN if language == "influxql" else FLUX,
        "gridPos": place,
        "targets": _targets(panel, description, narrow, language),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {},
        "transformations": [],
    }
    note = " ".join(part for part in (panel.note, "A click on a name opens the host." if panel.kind == "table" else "") if part)
    if note:
        out["description"] = note
    if panel.kind == "graph":
        defaults["custom"] = {
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 40 if panel.options.get("stacked") else 5,
            "showPoints": "never", "spanNulls": SPAN_NULLS_MS,
            "stacking": {"mode": "normal" if panel.options.get("stacked") else "none", "group": "A"},
        }  # fmt: skip
        out["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        if language == "flux" or _divides(panel):
            defaults["displayName"] = _name(panel, language)
    elif panel.kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        out["options"] = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "textMode": "value", "orientation": "auto",
        }  # fmt: skip
    else:
        hide = {"Time": True, **{f"Time {i}": True for i in range(1, len(panel.queries) + 1)}}
        out["options"] = {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "countRows": False}}
        if language == "influxql":
            out["transformations"].append({"id": "joinByField", "options": {"byField": "host", "mode": "outer"}})
        out["transformations"].append({"id": "organize", "options": {"excludeByName": hide, "indexByName": {}, "renameByName": {"host": "Host"}}})
        link = {"title": "Open this host", "url": f"/d/{uid('host', language)}?var-host=${{__value.text}}&${{__url_time_range}}"}
        out["fieldConfig"]["overrides"] = [
            {"matcher": {"id": "byName", "options": "Host"}, "properties": [{"id": "links", "value": [link]}]},
            {"matcher": {"id": "byRegexp", "options": "/%$/"}, "properties": [
                {"id": "unit", "value": "percent"}, {"id": "decimals", "value": 1},
                {"id": "thresholds", "value": {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "orange", "value": 80}, {"color": "red", "value": 95}]}},
                {"id": "custom.cellOptions", "value": {"type": "color-text"}}]},
            {"matcher": {"id": "byRegexp", "options": "/\\(s\\)$/"}, "properties": [{"id": "unit", "value": "s"}]},
        ]  # fmt: skip
    return out


def _variable(description, name, language, narrow):
    several = description.variables[name].get("several", False)
    out = {
        "type": "query", "name": name, "label": description.variables[name]["label"],
        "datasource": CHOSEN if language == "influxql" else FLUX,
        "refresh": 2, "sort": 1, "hide": 0, "skipUrlSync": False, "regex": "", "options": [],
        "multi": several, "includeAll": several,
    }  # fmt: skip
    if several:
        # All as one expression: the names of a thousand hosts in every query would be too long for it.
        out["allValue"] = ".*"
        out["current"] = {"text": ["All"], "value": ["$__all"], "selected": True}
    if language == "influxql":
        text = influxql.variable(description, name, narrow)
    else:
        text = flux.variable(description, name, flux.GRAFANA, narrow)
    out["query"] = {"query": text, "refId": name} if language == "flux" else text
    out["definition"] = text
    return out


def _variables(board, description, language):
    out = []
    if language == "influxql":
        out.append({
            "type": "datasource", "name": "source", "label": "Store", "query": "influxdb", "regex": "/InfluxQL|embedded/",
            "refresh": 1, "hide": 0, "skipUrlSync": False, "multi": False, "includeAll": False, "options": [],
            "current": {"text": "InfluxDB (InfluxQL)", "value": INFLUXQL_UID, "selected": True},
        })  # fmt: skip
    return out + [_variable(description, name, language, board.narrow) for name in board.variables]


def _annotations(board, description, language):
    if not board.narrow:
        return []
    common = {"name": "Restarts", "enable": True, "hide": False, "iconColor": "red", "datasource": CHOSEN if language == "influxql" else FLUX}
    if language == "influxql":
        query = influxql.restarts(board.narrow)
        columns = {"titleColumn": "", "textColumn": "host", "tagsColumn": "host", "timeEndColumn": ""}
        return [{**common, "query": query, **columns, "target": {
            "refId": "Anno", "query": query, "rawQuery": True, "fromAnnotations": True, "textEditor": True, **columns}}]  # fmt: skip
    return [{**common, "target": {"refId": "Anno", "query": flux.restarts(description, board.narrow, flux.GRAFANA)}}]


def dashboard(board, description, language):
    """language: influxql or flux."""
    panels, number, y = [], 1, 0
    for title, row in board.rows:
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        number, y, x, tallest = number + 1, y + 1, 0, 0
        for panel in row:
            if x + panel.width > 24:
                x, y, tallest = 0, y + tallest, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            panels.append(_panel(panel, number, place, description, board.narrow, language))
            number, x, tallest = number + 1, x + panel.width, max(tallest, panel.height)
        y += tallest
    shown = "InfluxQL" if language == "influxql" else "Flux"
    return {
        "uid": uid(board.id, language),
        "title": f"{board.title} ({shown})",
        "description": board.purpose,
        "tags": ["resmon", language],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "annotations": {"list": _annotations(board, description, language)},
        "links": [{
            "type": "dashboards", "title": "resmon", "tags": ["resmon", language], "asDropdown": False, "includeVars": True, "keepTime": True,
            "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
        }],
        "templating": {"list": _variables(board, description, language)},
        "panels": panels,
    }  # fmt: skip


# As text: Grafana puts the environment into these, so nothing secret is ever in a file. JSON is YAML.
def data_sources():
    return {
        "apiVersion": 1,
        "prune": True,
        "datasources": [
            {
                "name": "InfluxDB (Flux)", "uid": FLUX["uid"], "type": "influxdb", "access": "proxy", "url": "$RESMON_INFLUXDB_URL",
                "isDefault": True, "editable": False,
                "jsonData": {"version": "Flux", "organization": "$RESMON_INFLUXDB_ORG", "defaultBucket": "$RESMON_INFLUXDB_BUCKET", "timeInterval": INTERVAL},
                "secureJsonData": {"token": "$GF_RESMON_INFLUXDB_TOKEN"},
            },
            {
                "name": "InfluxDB (InfluxQL)", "uid": INFLUXQL_UID, "type": "influxdb", "access": "proxy", "url": "$RESMON_INFLUXDB_URL",
                "editable": False,
                "jsonData": {"version": "InfluxQL", "dbName": "$RESMON_INFLUXDB_BUCKET", "httpMode": "POST", "timeInterval": INTERVAL, "httpHeaderName1": "Authorization"},
                "secureJsonData": {"httpHeaderValue1": "Token $GF_RESMON_INFLUXDB_TOKEN"},
            },
            {
                "name": "resmon (embedded store)", "uid": STORE_UID, "type": "influxdb", "access": "proxy", "url": "$RESMON_SERVER_URL",
                "editable": False,
                "jsonData": {"version": "InfluxQL", "dbName": "resmon", "httpMode": "POST", "timeInterval": INTERVAL, "httpHeaderName1": "Authorization"},
                "secureJsonData": {"httpHeaderValue1": "Bearer $GF_RESMON_SERVER_TOKEN"},
            },
        ],
    }  # fmt: skip


def providers(folder):
    return {
        "apiVersion": 1,
        "providers": [{
            "name": "resmon", "orgId": 1, "folder": "resmon", "type": "file", "disableDeletion": True, "allowUiUpdates": False,
            "updateIntervalSeconds": 60, "options": {"path": folder, "foldersFromFilesStructure": False},
        }],
    }  # fmt: skip
