#!/usr/bin/env python3
"""The dashboards against what they are for: their description against the schema, the generated files against the forms that Grafana
and InfluxDB publish, and every InfluxQL query against both stores with data that the real client, the load generator and the server
itself have written. `dashboards.test.py --table FILE` also writes the table of docs/dashboards.md.

What no Grafana and no InfluxDB 2 here can show is not claimed: flux.test.mjs compiles the Flux queries, and nobody has looked at the
pictures."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "deploy")]

import house  # noqa: E402
from dashboards import describe, influxql  # noqa: E402

TABLE = None
STEP_SECONDS = 2
GATHERS = 12  # a second each: enough windows of two seconds for rates


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def description(change=lambda text: text, schema=lambda text: text):
    return describe.load(change(read("deploy", "dashboards", "dashboards.toml")), schema(read("docs", "schema.md")))


def generate(folder):
    subprocess.run([sys.executable, os.path.join(ROOT, "deploy", "dashboards", "generate.py"), folder], check=True)

    def load(*path):
        with open(os.path.join(folder, *path)) as file:
            return json.load(file)

    boards = {name: load("grafana", "dashboards", name) for name in sorted(os.listdir(os.path.join(folder, "grafana", "dashboards")))}
    sources = load("grafana", "provisioning", "datasources", "resmon.yaml")
    provider = load("grafana", "provisioning", "dashboards", "resmon.yaml")
    return boards, sources, provider, load("influxdb", "resmon.json")


class Drift(unittest.TestCase):
    """A description that does not fit the schema must be refused, whichever of the two moved."""

    def refuses(self, *words, **changes):
        with self.assertRaises(describe.Mistake) as refused:
            description(**changes)
        for word in words:
            self.assertIn(word, str(refused.exception))

    def test_the_description_fits(self):
        found = description()
        self.assertEqual([board.id for board in found.dashboards], ["fleet", "host", "server"])
        self.assertGreater(sum(len(panels) for board in found.dashboards for _, panels in board.rows), 50)

    def test_an_unknown_field(self):
        self.refuses("Load", "load16", change=lambda t: t.replace("load15 =", "load16 ="))

    def test_an_unknown_measurement(self):
        self.refuses("'dizkio'", change=lambda t: t.replace('from = "diskio", fields = { reads', 'from = "dizkio", fields = { reads'))

    def test_an_unknown_tag(self):
        self.refuses("no tag 'kore'", change=lambda t: t.replace('by = ["cpu"]', 'by = ["kore"]'))
        self.refuses("no tag 'cpo'", change=lambda t: t.replace('where = { cpu = "cpu-total" }, calc = "mean", by', 'where = { cpo = "cpu-total" }, calc = "mean", by'))

    def test_a_text_field(self):
        self.refuses("is text", change=lambda t: t.replace("{ uptime = \"uptime\" }", "{ uptime_format = \"uptime\" }"))

    def test_a_dashboard_narrowed_by_what_is_no_host(self):
        self.refuses("'interface' is no variable of hosts", change=lambda t: t.replace('narrow = "host"\n', 'narrow = "interface"\n'))
        self.refuses("internal_server has no tag 'host'", change=lambda t: t.replace('variables = ["server", "hosts"]', 'variables = ["server", "hosts"]\nnarrow = "hosts"'))

    def test_a_stack_that_no_shares_make(self):
        stack = 'query = [\n    { from = "systemd_units", fields = { mem_current = "memory"'
        self.refuses("Memory by service: a stack told apart by tags", change=lambda t: t.replace(stack, stack + ', cpu_usage = "CPU"'))
        self.refuses("Memory by service: a stack told apart by tags", change=lambda t: t.replace(stack + ' }, calc = "mean"', stack + ' }, calc = "last"'))

    def test_a_misspelt_key(self):
        self.refuses("no key 'stakced'", change=lambda t: t.replace("stacked = true", "stakced = true", 1))

    def test_the_schema_renames_a_field(self):
        self.refuses("mem has no field 'used_percent'", schema=lambda t: t.replace("used_percent, available_percent", "percent_used, available_percent"))

    def test_the_schema_loses_a_tag(self):
        self.refuses("net has no tag 'interface'", schema=lambda t: t.replace("| interface | `eth0` … |", "| port | `eth0` … |"))

    def test_the_schema_loses_a_measurement(self):
        self.refuses("no measurement 'netstat'", schema=lambda t: t.replace("## netstat", "## sockets"))


class Forms(unittest.TestCase):
    """The files against what Grafana's and InfluxDB's documentation say they look like."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="resmon-dashboards-")
        cls.boards, cls.sources, cls.provider, cls.template = generate(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_data_sources(self):
        # grafana.com/docs/grafana/latest/administration/provisioning/#data-sources
        known = {"name", "type", "uid", "access", "orgId", "url", "user", "database", "basicAuth", "basicAuthUser", "withCredentials",
                 "isDefault", "jsonData", "secureJsonData", "version", "editable"}  # fmt: skip
        self.assertEqual(self.sources["apiVersion"], 1)
        self.assertLessEqual(self.sources.keys(), {"apiVersion", "prune", "deleteDatasources", "datasources"})
        uids = [source["uid"] for source in self.sources["datasources"]]
        self.assertEqual(len(uids), len(set(uids)))
        self.assertEqual(sum(bool(source.get("isDefault")) for source in self.sources["datasources"]), 1)
        for source in self.sources["datasources"]:
            self.assertLessEqual(source.keys(), known)
            self.assertEqual((source["type"], source["access"]), ("influxdb", "proxy"))
            self.assertRegex(source["url"], r"^\$[A-Z_]+$")
            for name, value in source["secureJsonData"].items():
                self.assertRegex(value, r"^((Token|Bearer) )?\$[A-Z_]+$", f"{name}: a secret belongs into the environment")
            settings = source["jsonData"]
            if settings["version"] == "Flux":
                self.assertLessEqual({"organization", "defaultBucket"}, settings.keys())
            else:
                self.assertEqual(settings["version"], "InfluxQL")
                self.assertLessEqual({"dbName", "httpMode", "httpHeaderName1"}, settings.keys())
        # Compose must give Grafana what they name.
        compose = read("compose.yaml")
        for name in re.findall(r"\$([A-Z_]+)", json.dumps(self.sources)):
            self.assertRegex(compose, rf"(?m)^ +{name}(__FILE)?: ")

    def test_dashboard_provider(self):
        known = {"name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds", "allowUiUpdates", "options"}
        self.assertEqual(self.provider["apiVersion"], 1)
        for provider in self.provider["providers"]:
            self.assertLessEqual(provider.keys(), known)
            self.assertEqual(provider["type"], "file")
            self.assertEqual(provider["options"]["path"], "/srv/resmon/grafana/dashboards")

    def test_grafana_dashboards(self):
        self.assertEqual(sorted(self.boards), sorted(f"{b}-{l}.json" for b in ("fleet", "host", "server") for l in ("influxql", "flux")))
        uids = {source["uid"] for source in self.sources["datasources"]}
        for name, board in self.boards.items():
            with self.subTest(name):
                self.assertLessEqual(len(board["uid"]), 40)
                self.assertEqual(board["uid"], "resmon-" + name.removesuffix(".json"))
                variables = {variable["name"] for variable in board["templating"]["list"]}
                ids = [panel["id"] for panel in board["panels"]]
                self.assertEqual(len(ids), len(set(ids)))
                taken = set()
                for panel in board["panels"]:
                    place = panel["gridPos"]
                    self.assertLessEqual(place["x"] + place["w"], 24)
                    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
                    self.assertFalse(taken & cells, f"{panel['title']} lies over another panel")
                    taken |= cells
                    if panel["type"] == "row":
                        continue
                    self.assertIn(panel["type"], ("timeseries", "stat", "table"))
                    self.assertTrue(panel["targets"])
                    expressions = [target for target in panel["targets"] if target["datasource"]["type"] == "__expr__"]
                    for expression in expressions:
                        # An expression shows what it makes of the others.
                        others = [target for target in panel["targets"] if target is not expression]
                        self.assertEqual(re.findall(r"\$([A-Z])", expression["expression"]), [target["refId"] for target in others])
                        self.assertTrue(all(target["hide"] for target in others))
                    for target in panel["targets"]:
                        if target in expressions:
                            continue
                        uid = target["datasource"]["uid"]
                        self.assertTrue(uid in uids or uid == "${source}" and "source" in variables, uid)
                        used = set(re.findall(r"\$\{?([a-z_]+)(?::regex)?\}?", target["query"]))
                        own = {"timeFilter", "__interval"}
                        used = {u for u in used if not u.startswith(("__", "time", "tag"))} - own
                        self.assertLessEqual(used, variables, target["query"])
                links = re.findall(r'"/d/([a-z-]+)\?', json.dumps(board))
                for link in links:
                    self.assertIn(f"{link.removeprefix('resmon-')}.json", self.boards)
                self.assertTrue(board["links"][0]["includeVars"])
                for variable in board["templating"]["list"]:
                    if variable["type"] == "query":
                        several = variable["name"] != "host"
                        self.assertEqual((variable["multi"], variable["includeAll"], variable.get("allValue")), (several, several, ".*" if several else None))
                        self.assertIn(f"${variable['name']}$" if "influxql" in name else f"${{{variable['name']}:regex}}", json.dumps(board["panels"]), "chosen, and nothing changes")
        for board, wanted in (("fleet", {"hosts"}), ("host", {"host", "interface", "disk", "mount"}), ("server", {"server", "hosts"})):
            for language in ("influxql", "flux"):
                found = self.boards[f"{board}-{language}.json"]
                self.assertEqual({variable["name"] for variable in found["templating"]["list"]} - {"source"}, wanted)
                self.assertEqual(bool(found["annotations"]["list"]), board != "server")

    def test_influxdb_template(self):
        # docs.influxdata.com/influxdb/v2/tools/influxdb-templates/, and influxdb/pkger's parser for the names.
        kinds = {"Dashboard", "Variable", "CheckThreshold", "CheckDeadman"}
        names = [document["metadata"]["name"] for document in self.template]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({document["kind"] for document in self.template}, kinds)
        for document in self.template:
            self.assertEqual(document.keys(), {"apiVersion", "kind", "metadata", "spec"})
            self.assertEqual(document["apiVersion"], "influxdata.com/v2alpha1")
            self.assertRegex(document["metadata"]["name"], r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
            spec = document["spec"]
            with self.subTest(document["metadata"]["name"]):
                if document["kind"] == "Dashboard":
                    taken = set()
                    for chart in spec["charts"]:
                        self.assertIn(chart["kind"], ("Xy", "Single_Stat", "Table"))
                        self.assertTrue(all(query["query"] for query in chart["queries"]))
                        self.assertLessEqual(chart["xPos"] + chart["width"], 12)
                        cells = {(x, y) for x in range(chart["xPos"], chart["xPos"] + chart["width"]) for y in range(chart["yPos"], chart["yPos"] + chart["height"])}
                        self.assertFalse(taken & cells, chart["name"])
                        taken |= cells
                        if chart["kind"] == "Xy":
                            self.assertEqual([axis["name"] for axis in chart["axes"]], ["x", "y"])
                            self.assertIn(chart["position"], ("overlaid", "stacked"))
                            self.assertIn(chart["geom"], ("line", "step", "stacked", "bar", "monotoneX"))
                        for colour in chart["colors"]:
                            self.assertRegex(colour["hex"], r"^#[0-9A-F]{6}$")
                elif document["kind"] == "Variable":
                    self.assertIn(spec["type"], ("constant", "query"))
                else:
                    self.assertIn(spec["status"], ("active", "inactive"))
                    self.assertRegex(spec["every"], r"^\d+[smh]$")
                    self.assertTrue(spec["query"] and spec["statusMessageTemplate"])
                    for threshold in spec.get("thresholds", []):
                        # A template's are not the API's: one unknown type, and nothing of the template is applied.
                        self.assertIn(threshold["type"], ("greater", "lesser", "inside_range", "outside_range"))
                        self.assertIn(threshold["level"], ("OK", "INFO", "WARN", "CRIT"))
        wanted = {"cpu-high", "memory-high", "disk-full", "host-silent"}
        self.assertLessEqual({f"resmon-{name}" for name in wanted}, set(names))

    def test_influxdb_shows_numbers_that_need_no_reckoning(self):
        charts = [chart for document in self.template if document["kind"] == "Dashboard" for chart in document["spec"]["charts"]]
        for chart in charts:
            with self.subTest(chart["name"]):
                if chart["kind"] == "Table":
                    # 2.9 hides the column that is fixed, here the hosts' names.
                    self.assertFalse(chart["tableOptions"]["fixFirstColumn"])
                    self.assertNotIn("click", chart["note"])
                    (query,) = (query["query"] for query in chart["queries"])
                    for column in chart["fieldOptions"][1:]:
                        self.assertIn(f'value: "{column["fieldName"]}"', query)
                    # A number that is not there is shown as "null", so there are texts only.
                    self.assertEqual(query.count("  |> toString()"), len(chart["fieldOptions"]) - 1)
                elif chart["kind"] == "Single_Stat":
                    self.assertNotIn(chart["suffix"], (" s", " B"), "a number of many digits")
                else:
                    # SI prefixes before "ms" or "%" give "600mms" and "150m%", a load of 0.15 is "150m", 0.2 packets a second are
                    # "200mp/s"; multiples of 1,024 give "953.6743 MB". What has no prefix is rounded, as is what has nothing less than 1.
                    axis = chart["axes"][1]
                    self.assertEqual(axis["base"], "10" if axis["suffix"] in ("B", "B/s", "bit/s", "s") else "")
                    rounded = r"math\.round\(x: float\(v: r\._value\)" + {"": r" \* (100(00)?\.0)\) / \1", "10": r"\)\}"}[axis["base"]]
                    for query in chart["queries"]:
                        self.assertEqual(len(list(re.finditer(rounded, query["query"]))), 0 if axis["suffix"] == "s" else 1, query["query"])
        stats = {chart["name"]: chart for chart in charts if chart["kind"] == "Single_Stat"}
        self.assertEqual((stats["Uptime"]["suffix"], stats["Memory, total"]["suffix"]), (" d", " GiB"))
        self.assertIn("float(v: r._value) / 86400.0", stats["Uptime"]["queries"][0]["query"])

    def test_a_counter_that_begins_again_fails_no_flux_query(self):
        # derivative() gives a row without a value there, and Flux's float() refuses that: "cannot convert argument of type invalid".
        queries = [chart["query"] for document in self.template if document["kind"] == "Dashboard" for each in document["spec"]["charts"] for chart in each["queries"]]
        queries += [target["query"] for name, board in self.boards.items() if name.endswith("-flux.json") for panel in board["panels"] for target in panel.get("targets", [])]
        rates = [query for query in queries if "derivative(" in query]
        self.assertGreaterEqual(len(rates), 30)
        for query in rates:
            self.assertRegex(query, r"derivative\([^)]*\)\n  \|> filter\(fn: \(r\) => exists r\._value\)")

    def test_influxdb_rows_of_panels_have_no_gap(self):
        for document in self.template:
            if document["kind"] != "Dashboard":
                continue
            taken = {}
            for chart in document["spec"]["charts"]:
                for x in range(chart["xPos"], chart["xPos"] + chart["width"]):
                    taken.setdefault(chart["yPos"], []).append(x)
            for y, columns in taken.items():
                self.assertEqual(sorted(columns), list(range(12)), f"{document['spec']['name']}, row {y}")

    def test_influxdb_checks_tell_what_and_how_much(self):
        checks = {document["metadata"]["name"]: document["spec"] for document in self.template if document["kind"].startswith("Check")}
        self.assertIn("${ r.path }", checks["resmon-disk-full"]["statusMessageTemplate"])
        for name, spec in checks.items():
            # InfluxDB puts the text between quotes: it can have none.
            self.assertNotIn('"', spec["statusMessageTemplate"])
            self.assertIn("${ r._level }", spec["statusMessageTemplate"], "it is written at each level, ok included")
            # Thresholds can be changed in InfluxDB's UI, and a text that quotes them would then be wrong.
            for threshold in (*(f"{each['value']:g}" for each in spec.get("thresholds", [])), spec.get("timeSince")):
                self.assertNotRegex(spec["statusMessageTemplate"], rf"\b{threshold}\b", name)
            if name != "resmon-host-silent":
                self.assertIn(" * 10.0 + 0.5)) / 10.0 } % (", spec["statusMessageTemplate"], "an unrounded mean")

    def test_influxdb_variables_narrow_what_they_are_for(self):
        boards = {document["spec"]["name"]: json.dumps(document["spec"]["charts"]) for document in self.template if document["kind"] == "Dashboard"}
        variables = {document["spec"]["name"]: document["spec"] for document in self.template if document["kind"] == "Variable"}
        self.assertEqual(set(variables), {f"resmon_{name}" for name in ("bucket", "host", "hosts", "interface", "disk", "mount", "server")})
        for board, names in (("fleet", {"hosts"}), ("host", {"host", "interface", "disk", "mount"}), ("server", {"server", "hosts"})):
            self.assertEqual(set(re.findall(r"v\.resmon_([a-z]+)\b", boards[f"resmon: {board}"])) - {"bucket"}, names)
            # A template replaces a user's variables of the same names, so none is used that others may have.
            self.assertEqual(set(re.findall(r"v\.(?!resmon_)([A-Za-z]+)", boards[f"resmon: {board}"])), {"timeRangeStart", "timeRangeStop", "windowPeriod"})
        for name in ("interface", "disk", "mount"):
            self.assertIn("v.resmon_host", variables[f"resmon_{name}"]["query"])
        # All of them at once is the first to choose, where that makes sense.
        self.assertEqual({name for name, spec in variables.items() if '"(all)"' in spec.get("query", "")}, set(variables) - {"resmon_bucket", "resmon_host"})


def close_enough(a, b):
    """Whether two answers are equal but for the last digits of a number: the stores add in another order."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close_enough, a, b))
    return a == b


def queries_of(panel):
    """The targets that are sent to a store."""
    return [target for target in panel.get("targets", []) if "query" in target]


def shown(panel, ask):
    """{(column, *values of tags): {time: value}} as Grafana draws it. `ask` returns the series of a query. Grafana's expression `$A / $B`
    divides each series of A by the one of B, which has no tags, at the times that both have."""
    answers = {}
    for target in queries_of(panel):
        answers[target["refId"]] = {
            (column, *(tags or {}).values()): {row[0]: row[at] for row in rows if row[at] is not None}
            for _, tags, columns, rows in ask(target["query"])
            for at, column in enumerate(columns[1:], 1)
        }
    expressions = [target["expression"] for target in panel["targets"] if "expression" in target]
    if not expressions:
        return answers["A"]
    assert expressions == ["$A / $B"], expressions
    ((_, divisors),) = answers["B"].items()
    return {key: {time: value / divisors[time] for time, value in values.items() if time in divisors} for key, values in answers["A"].items()}


class Queries(house.HouseTest):
    """Every InfluxQL query, its variables put in as Grafana does, in both stores: rows come back, and the same ones."""

    def test_every_query_returns_rows_in_both_stores(self):
        influxd = house.Influxd(self)
        influxd.start()
        server = self.server("server.report_interval=1s", f"sink.influx.url=http://127.0.0.1:{influxd.port}", "sink.influx.linger=100ms")
        client = self.client(server, "real", "1s")
        load = self.load(server, 2, "1s", "load.name_prefix=sim-")
        stores = {"embedded": server.http_port, "InfluxDB": influxd.port}

        def gathered():
            counts = server.rows('SELECT count("load1") FROM "system" GROUP BY "host"')
            found = {tags["host"]: rows[0][1] for _, tags, _, rows in house.query(server.http_port, 'SELECT count("load1") FROM "system" GROUP BY "host"')} if counts else {}
            own = server.rows('SELECT count("clients") FROM "internal_server"')
            return len(found) == 3 and min(found.values()) >= GATHERS and own and own[0][1] >= GATHERS

        house.wait_for("data of three hosts and the server", gathered, 90)
        client.terminate()
        load.terminate()
        # A machine that was started again, for the annotation.
        first = server.rows('SELECT first("load1") FROM "system"')[0][0]
        last = server.rows('SELECT last("load1") FROM "system"')[0][0]
        lines = "\n".join(f"kernel,host=restarted boot_time={boot}i {time}" for boot, time in ((1000, first), (1000, first + 4 * house.NS), (9000, first + 8 * house.NS)))
        answer = house.request(server.http_port, "POST", "/write?db=resmon", lines, {"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)

        # From here on only the server's own numbers grow; the last second of those is left out.
        begin, end = first // 10**6 - 1000, last // 10**6
        # Delivery is in order: when the crafted rows are there, all before them are.
        house.wait_for("InfluxDB to have all", lambda: len(house.rows(influxd.port, 'SELECT boot_time FROM "kernel" WHERE host = \'restarted\'')) == 3, 30)

        boards, _, _, _ = generate(os.path.join(self.folder, "generated"))
        found = description()

        def values(store, statement):
            return [row[1] for _, _, _, rows in house.query(stores[store], statement) for row in rows]

        def fill(statement, chosen, window_ms=STEP_SECONDS * 1000):
            for name, value in chosen.items():
                statement = statement.replace(f"^${name}$", f"^{value}$")
            out = statement.replace("$timeFilter", f"time >= {begin}ms and time <= {end}ms")
            out = out.replace("$__interval_ms", str(window_ms)).replace("$__interval", f"{STEP_SECONDS}s")
            self.assertNotIn("$", re.sub(r"/\^.*?\$/", "", out), out)
            return out

        def any_of(options):
            return "(" + "|".join(re.escape(option).replace("\\-", "-").replace("/", "\\/") for option in options) + ")"

        wrong, table, counted = [], [], {store: 0 for store in stores}
        # The first of each is what the table shows: one simulated host with its interfaces, disks and mounts by name, everything of the
        # others. Then whatever else may be chosen.
        choices = {"fleet": ({}, {"hosts": "(real|sim-1)"}), "host": ({"host": "sim-1"}, {"host": "real"}), "server": ({}, {"hosts": "sim-2"})}
        for board_id, chosen_each in choices.items():
            board = boards[f"{board_id}-influxql.json"]
            for chosen in chosen_each:
                first_choice = chosen is chosen_each[0]
                narrowed_to = chosen.get("hosts")
                for variable in board["templating"]["list"]:
                    if variable["type"] != "query":
                        continue
                    answers = {store: sorted(set(values(store, fill(variable["query"], chosen)))) for store in stores}
                    self.assertEqual(answers["embedded"], answers["InfluxDB"], variable["query"])
                    self.assertTrue(answers["embedded"], f"{variable['query']} finds nothing")
                    if variable["name"] not in chosen:
                        chosen[variable["name"]] = any_of(answers["embedded"]) if first_choice and board_id == "host" else variable["allValue"]
                for panel in board["panels"]:
                    for target in queries_of(panel):
                        statement = fill(target["query"], chosen)
                        answers, rows = {}, {}
                        for store, port in stores.items():
                            series = house.query(port, statement, epoch="ms")
                            answers[store] = sorted(([n, sorted((t or {}).items()), c, v] for n, t, c, v in series), key=lambda s: json.dumps(s[:3]))
                            # A row without a value is no data.
                            rows[store] = sum(any(value is not None for value in row[1:]) for _, _, _, v in series for row in v)
                        if narrowed_to:
                            for _, tags, _, _ in answers["embedded"]:
                                if "host" in dict(tags):
                                    self.assertRegex(dict(tags)["host"], f"^{narrowed_to}$", statement)
                        if not first_choice:
                            # This machine may lack a disk or an interface; that both stores agree is what it adds.
                            self.assertEqual(len(answers["embedded"]), len(answers["InfluxDB"]), statement)
                            continue
                        if not all(rows.values()):
                            wrong.append(f"{rows}: {statement}")
                        elif not close_enough([list(map(list, a[1])) + a[2:] for a in answers["embedded"]], [list(map(list, a[1])) + a[2:] for a in answers["InfluxDB"]]):
                            wrong.append(f"the stores differ: {statement}\n  embedded {json.dumps(answers['embedded'])[:600]}\n  InfluxDB {json.dumps(answers['InfluxDB'])[:600]}")
                        if "$__interval_ms" in target["query"]:
                            # The windows of a long range; these are as short as the others, and only said to be long.
                            coarse = fill(target["query"], chosen, influxql.ROWS_UP_TO_MS)
                            found = {store: sum(len(v) for _, _, _, v in house.query(port, coarse, epoch="ms")) for store, port in stores.items()}
                            if not found["embedded"] or found["embedded"] != found["InfluxDB"]:
                                wrong.append(f"{found}: {coarse}")
                        for store in stores:
                            counted[store] += 1 if rows[store] else 0
                        table.append((board_id, panel["title"], target["refId"], rows["embedded"], rows["InfluxDB"]))
        for store in stores:
            for narrow, value in (("host", "restarted"), ("hosts", ".*")):
                restarts = house.query(stores[store], fill(influxql.restarts(narrow), {narrow: value}), epoch="ms")
                # Which machine it was must be a column: Grafana makes an annotation's text and tags of columns only.
                self.assertEqual([row[1:] for _, _, _, v in restarts for row in v], [[8000, "restarted"]], store)
        if TABLE:
            write_table(table)
        print(f"# summary: {len(table)} InfluxQL queries of {len(boards) // 2} dashboards: rows from the embedded store {counted['embedded']}, from InfluxDB {counted['InfluxDB']}", flush=True)
        self.assertEqual(wrong, [])


class EvenCounter(house.HouseTest):
    """A counter that rises by exactly 1,000 B a second is 8,000 bit/s in every panel of rates, whatever the window and wherever the range
    ends: no spike at the edge, no saw where windows and gathers do not fit."""

    WINDOWS_MS = (1000, 2000, 3333, 7000, 10_000, 60_000)
    INTERVAL = 5

    def test_rates_are_exact(self):
        influxd = house.Influxd(self)
        influxd.start()
        server = self.server(f"sink.influx.url=http://127.0.0.1:{influxd.port}", "sink.influx.linger=100ms")
        start = (int(time.time()) - 1800) // 60 * 60
        lines = "\n".join(
            f"net,host=even,interface=eth{k} bytes_recv={1000 * t}i,bytes_sent={1000 * t}i {(start + t) * house.NS}"
            for k in range(2)
            for t in range(0, 900, self.INTERVAL)
        )
        answer = house.request(server.http_port, "POST", "/write?db=resmon", lines, {"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)
        stores = {"embedded": server.http_port, "InfluxDB": influxd.port}
        house.wait_for("the sink to have sent all", lambda: server.metrics()['resmon_sink_sent_samples_total{sink="influx"}'] >= 720)
        for name, port in stores.items():
            house.wait_for(f"all rows in {name}", lambda port=port: house.rows(port, 'SELECT count("bytes_recv") FROM "net"') == [[0, 360]])
        boards, _, _, _ = generate(os.path.join(self.folder, "generated"))
        panel = next(panel for panel in boards["host-influxql.json"]["panels"] if panel["title"] == "Network" and panel["type"] == "timeseries")
        (target,) = panel["targets"]
        counted = 0
        for window in self.WINDOWS_MS:
            for stop in range(600_000, 600_000 + window, max(1, window // 8)):
                begin, end = start * 1000, start * 1000 + stop
                statement = target["query"].replace("$timeFilter", f"time >= {begin}ms and time <= {end}ms")
                statement = statement.replace("^$host$", "^even$").replace("^$interface$", "^.*$")
                statement = statement.replace("$__interval_ms", str(window)).replace("$__interval", f"{window}ms")
                for name, port in stores.items():
                    values = [value for _, _, _, rows in house.query(port, statement, epoch="ms") for row in rows for value in row[1:]]
                    self.assertGreaterEqual(len(values), 4 * (600_000 // max(window, 1000 * self.INTERVAL) - 1), (name, window))
                    self.assertEqual({round(value, 6) for value in values}, {8000}, (name, window, stop))
                    counted += len(values)
        print(f"# summary: {counted} rates of an even counter, all exact", flush=True)


class Stacks(house.HouseTest):
    """What comes and goes has its share of a stack: a program that is there in half of a window's gathers has half of its mean, and the parts
    are as high as the whole, whatever the window is."""

    INTERVAL = 5
    GATHERS = 240
    MINUTE = 60 // INTERVAL

    def lines(self, start):
        read = {"cc": 0, "ld": 0, "burst": 0}
        for gather in range(self.GATHERS):
            time = (start + gather * self.INTERVAL) * house.NS
            cpu, memory = {"cc": 120}, {"cc": 7000}
            read["cc"] += 5000
            if gather % self.MINUTE < self.MINUTE // 2:
                cpu["ld"], memory["ld"] = 60, 2000
                read["ld"] += 5000
            if gather % self.MINUTE == 3:
                cpu["short"], memory["short"] = 12, 600
            if self.MINUTE <= gather + 1 <= self.MINUTE + 2:
                cpu["burst"] = 0
                read["burst"] += 600_000 * (gather == self.MINUTE + 1)
            for name, value in cpu.items():
                disk = f",disk_read_bytes={read[name]}i" if name in read else ""
                yield f"procstat,host=half,process_name={name},user=ada cpu_usage={value},memory_rss={memory.get(name, 0)}i{disk} {time}"
            yield f"procstat,host=half,process_name=other cpu_usage={200 - sum(cpu.values())},memory_rss={10_000 - sum(memory.values())}i {time}"
            for name, every in (("db", 1), ("job", 2)):
                if gather % every == 0:
                    yield f"docker_container_cpu,host=half,container_name={name},cpu=cpu-total usage_percent=40 {time}"
                    yield f"docker_container_mem,host=half,container_name={name} usage=4000i {time}"
                    yield f"systemd_units,host=half,name={name}.service cpu_usage=30,mem_current=3000i {time}"

    def test_the_parts_are_as_high_as_the_whole(self):
        influxd = house.Influxd(self)
        influxd.start()
        server = self.server(f"sink.influx.url=http://127.0.0.1:{influxd.port}", "sink.influx.linger=100ms")
        start = (int(time.time()) - 3600) // 60 * 60
        # Last in time and in order: when it is there, all before it is.
        lines = [*self.lines(start), f"system,host=half load1=1 {(start + self.GATHERS * self.INTERVAL) * house.NS}"]
        answer = house.request(server.http_port, "POST", "/write?db=resmon", "\n".join(lines), {"Authorization": f"Token {house.TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)
        house.wait_for("the sink to have sent some", lambda: server.metrics()['resmon_sink_sent_samples_total{sink="influx"}'] > 0)
        stores = {"embedded": server.http_port, "InfluxDB": influxd.port}
        for name, port in stores.items():
            house.wait_for(f"all rows in {name}", lambda port=port: house.rows(port, 'SELECT count("load1") FROM "system"') == [[0, 1]])
        boards, _, _, _ = generate(os.path.join(self.folder, "generated"))
        panels = {panel["title"]: panel for panel in boards["host-influxql.json"]["panels"] if panel["type"] == "timeseries"}
        for name, port in stores.items():

            def draw(title, window, port=port):
                def ask(statement):
                    end = start + self.GATHERS * self.INTERVAL
                    statement = statement.replace("$timeFilter", f"time >= {start}s and time < {end}s").replace("^$host$", "^half$")
                    return house.query(port, statement.replace("$__interval_ms", str(1000 * window)).replace("$__interval", f"{window}s"), epoch="s")

                found = shown(panels[title], ask)
                return {" ".join(part for part in key[1:] if part): values for key, values in found.items() if values}

            for window in (5, 7, 10, 15, 60, 600):
                for title, whole in (("CPU by process", 200), ("Memory by process", 10_000)):
                    with self.subTest(title, store=name, window=window):
                        parts = draw(title, window)
                        times = set(parts["other"])
                        self.assertGreaterEqual(len(times), self.GATHERS * self.INTERVAL // max(window, self.INTERVAL))
                        sums = {round(sum(values.get(time, 0) for values in parts.values()), 6) for time in times}
                        self.assertEqual(sums, {whole})
            minute = {title: {key: {round(value, 6) for value in values.values()} for key, values in draw(title, 60).items()} for title in panels if panels[title]["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"}
            with self.subTest(store=name):
                self.assertEqual(minute["CPU by process"], {"cc ada": {120}, "ld ada": {30}, "short ada": {1}, "burst ada": {0}, "other": {49}})
                self.assertEqual(minute["Memory by process"], {"cc ada": {7000}, "ld ada": {1000}, "short ada": {50}, "burst ada": {0}, "other": {1950}})
                # The burst's 600 kB are 10 kB/s of its minute, whatever its three gathers say.
                self.assertEqual(minute["Disk by process"], {"cc ada": {1000}, "ld ada": {500}, "burst ada": {10_000}})
                self.assertEqual(minute["CPU by container"], {"db": {40}, "job": {20}})
                self.assertEqual(minute["Memory by container"], {"db": {4000}, "job": {2000}})
                self.assertEqual(minute["CPU by service"], {"db.service": {30}, "job.service": {15}})
                self.assertEqual(minute["Memory by service"], {"db.service": {3000}, "job.service": {1500}})


def write_table(table):
    with open(TABLE) as file:
        text = file.read()
    rows = ["| dashboard | panel | query | rows, embedded store | rows, InfluxDB 1.6 |", "|---|---|---|---:|---:|"]
    rows += [f"| {board} | {panel} | {letter} | {ours} | {theirs} |" for board, panel, letter, ours, theirs in table]
    begin, end = "<!-- table: begin -->\n", "<!-- table: end -->"
    text = text[: text.index(begin) + len(begin)] + "\n".join(rows) + "\n" + text[text.index(end) :]
    with open(TABLE, "w") as file:
        file.write(text)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--table":
        TABLE = sys.argv[2]
        del sys.argv[1:3]
    house.main()
