#!/usr/bin/env python3
"""deploy/dashboards/apply against a stand-in for `influx` and one for InfluxDB's API, which answers in the forms that InfluxDB 2.9 gives."""

import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "deploy")]

import house  # noqa: E402

FAKE_INFLUX = r"""#!/bin/bash
# Keeps one stack with its description in a file and notes what it was asked; what is applied goes to the stand-in for the server.
echo "$*" >>"$FAKE/calls"
echo "${INFLUX_TOKEN-}" >"$FAKE/token-seen"
described() { while (($#)); do [[ $1 != --stack-description ]] || printf '%s' "$2"; shift; done; }
case "$1 $2" in
  'stacks init' | 'stacks update') printf '0123456789abcdef\tOrgID\ttrue\tresmon\t%s\n' "$(described "$@")" | tee "$FAKE/stack" ;;
  'stacks --org') [[ ! -e $FAKE/stack ]] || cat "$FAKE/stack" ;;
  'apply --org')
    [[ -z ${FAKE_FAILS-} ]] || { echo 'error: denied' >&2; exit 1; }
    while (($#)); do [[ $1 != --file ]] || curl -fsS --data-binary "@$2" "$INFLUX_HOST/applied"; shift; done
    ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
"""
APPLIED = "apply --org o --stack-id 0123456789abcdef --file {} --force yes --quiet"
EMPTY_BUILDER = {"buckets": [], "tags": [], "functions": [], "aggregateWindow": {"period": "", "fillValues": False}}


class Api(http.server.ThreadingHTTPServer):
    """InfluxDB's API as far as apply uses it. things: path: what a GET of it answers."""

    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.things, self.changed, self.tokens, self.refuse = {}, [], set(), None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def apply(self, documents):
        """As pkger does: bounds are always empty, and a check has the text of its query only."""
        self.things, resources = {}, []
        for number, document in enumerate(documents):
            spec, identity = document["spec"], f"{number:016x}"
            if document["kind"] == "Dashboard":
                path = f"/api/v2/dashboards/{identity}"
                views = [f"{path}/cells/{cell:016x}/view" for cell in range(len(spec["charts"]))]
                self.things[path] = {"id": identity, "name": spec["name"], "cells": [{"id": view[-21:-5], "links": {"self": view[:-5], "view": view}} for view in views]}
                for view, chart in zip(views, spec["charts"]):
                    axes = {axis["name"]: {"bounds": [], "label": "", "prefix": "", "suffix": axis["suffix"]} for axis in chart.get("axes", []) if "suffix" in axis}
                    properties = {"shape": "chronograf-v2", "queries": chart["queries"], "axes": axes, "type": "xy"}
                    self.things[view] = {"links": {"self": view}, "id": view[-21:-5], "name": chart["name"], "properties": properties}
            elif document["kind"].startswith("Check"):
                path = f"/api/v2/checks/{identity}"
                self.things[path] = {"id": identity, "name": spec["name"], "query": {"text": spec["query"], "editMode": "", "name": "", "builderConfig": EMPTY_BUILDER}}
            else:
                continue
            resources.append({"resourceID": identity, "kind": document["kind"], "links": {"self": path}})
        # What was deleted since is in the stack's history, too.
        resources.append({"resourceID": "f" * 16, "kind": "Dashboard", "links": {"self": "/api/v2/dashboards/" + "f" * 16}})
        self.things["/api/v2/stacks/0123456789abcdef"] = {"id": "0123456789abcdef", "events": [{"resources": resources}]}

    def bounds(self):
        """{(dashboard, cell): the y axis' bounds}"""
        return {
            (self.things[path.partition("/cells/")[0]]["name"], thing["name"]): thing["properties"]["axes"]["y"]["bounds"]
            for path, thing in self.things.items()
            if path.endswith("/view") and "y" in thing["properties"]["axes"]
        }


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, code, thing):
        body = json.dumps(thing, indent="\t").encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.tokens.add(self.headers["Authorization"])
        if self.server.refuse == self.command:
            return self.answer(401, {"code": "unauthorized", "message": "unauthorized access"})
        if self.path not in self.server.things:
            return self.answer(404, {"code": "not found"})
        if self.command != "GET":
            self.server.things[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.changed.append(self.path)
        return self.answer(200, self.server.things[self.path])

    do_PATCH = do_PUT = do_GET

    def do_POST(self):
        self.server.apply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(200, {})


class Applying(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="resmon-generated-")
        cls.addClassCleanup(folder.cleanup)
        subprocess.run([sys.executable, os.path.join(ROOT, "deploy", "dashboards", "generate.py"), folder.name], check=True)
        with open(os.path.join(folder.name, "influxdb", "resmon.json")) as file:
            cls.whole = file.read()
        with open(os.path.join(folder.name, "influxdb", "resmon.tsv")) as file:
            cls.more = [line.split("\t") for line in file.read().splitlines()]
        # Enough for most tests: of two dashboards the first two cells that have a y axis, and a check.
        documents = {document["metadata"]["name"]: document for document in json.loads(cls.whole)}
        small = [documents[name] for name in ("resmon-fleet", "resmon-server", "resmon-disk-full")]
        for document in small[:2]:
            charts = [chart for chart in document["spec"]["charts"] if chart["kind"] == "Xy"]
            document["spec"]["charts"] = charts[:2]
        cls.small = json.dumps(small)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="resmon-apply-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(os.path.join(self.folder, "influx"), "w") as file:
            file.write(FAKE_INFLUX)
        os.chmod(file.name, 0o755)
        self.template = os.path.join(self.folder, "t.json")
        self.write(self.small)
        self.api = self.serve()

    def serve(self, certificate=None):
        api = Api(certificate)
        self.addCleanup(api.server_close)
        self.addCleanup(api.shutdown)
        return api

    def write(self, text):
        with open(self.template, "w") as file:
            file.write(text)
        with open(self.template.replace(".json", ".tsv"), "w") as file:
            file.write("".join("\t".join(line) + "\n" for line in self.more))

    def run_it(self, *arguments, **more):
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", "FAKE": self.folder, "INFLUX_ORG": "o",
                       "INFLUX_HOST": f"http://127.0.0.1:{self.api.server_port}", "INFLUX_TOKEN": "of-the-environment", **more}  # fmt: skip
        script = os.path.join(ROOT, "deploy", "dashboards", "apply")
        return subprocess.run(["/bin/bash", script, *arguments, self.template], env=environment, capture_output=True, text=True, timeout=120)

    def done(self, *arguments, **more):
        done = self.run_it(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def calls(self, word):
        with open(os.path.join(self.folder, "calls")) as file:
            return [call for call in file.read().splitlines() if call.startswith(word)]

    def test_a_template_is_applied_once_and_another_version_again(self):
        self.done()
        self.assertIn("there already", self.done())
        self.assertEqual(len(self.calls("stacks init")), 1)
        self.assertEqual(self.calls("apply"), [APPLIED.format(self.template)])
        self.write(self.small + "\n")
        self.done()
        self.done()
        self.assertEqual(self.calls("apply"), [APPLIED.format(self.template)] * 2)
        self.assertEqual(len(self.calls("stacks init")), 1)

    def test_force_sets_back_what_was_changed(self):
        self.done()
        self.done("--force")
        self.assertEqual(self.calls("apply"), [APPLIED.format(self.template)] * 2)
        self.assertNotIn([], self.api.bounds().values())

    def test_percentages_run_from_0_to_100(self):
        self.write(self.whole)
        said = self.done()
        bounds = self.api.bounds()
        wanted = {(board, cell): json.loads(value) for kind, board, cell, value in self.more if kind == "bounds"}
        self.assertGreater(list(wanted.values()).count(["0", "100"]), 7)
        self.assertEqual({where: value for where, value in bounds.items() if value}, wanted)
        self.assertEqual(bounds["resmon: fleet", "Memory"], ["0", "100"])
        self.assertEqual(bounds["resmon: host", "Memory"], ["0", ""], "bytes")
        self.assertIn(f"bounds of {len(wanted)} axes", said)
        for document in json.loads(self.whole):
            if document["kind"] == "Dashboard":
                cells = [chart["name"] for chart in document["spec"]["charts"] if chart["kind"] == "Xy"]
                self.assertEqual(len(cells), len(set(cells)), "cells are told apart by their names")
                # InfluxDB answers with other characters as escapes.
                self.assertFalse([name for name in cells if re.search(r'[^ -~]|["\\<>&]', name)])

    def test_checks_can_be_saved_in_the_editor(self):
        self.write(json.dumps([document for document in json.loads(self.whole) if document["kind"].startswith("Check")]))
        self.assertIn("editor of 4 checks", self.done())
        checks = [thing for path, thing in self.api.things.items() if "/checks/" in path]
        self.assertEqual(len(checks), 4)
        for check in checks:
            query, builder = check["query"], check["query"]["builderConfig"]
            self.assertEqual(query["editMode"], "builder")
            # What the editor makes of a builder's configuration, when somebody saves there.
            text = f'from(bucket: "{builder["buckets"][0]}")\n  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)'
            text += "".join(f'\n  |> filter(fn: (r) => r["{tag["key"]}"] == "{tag["values"][0]}")' for tag in builder["tags"])
            for function in builder["functions"]:
                text += f'\n  |> aggregateWindow(every: 1m, fn: {function["name"]}, createEmpty: false)\n  |> yield(name: "{function["name"]}")'
            self.assertEqual(query["text"], text)
            self.assertEqual([len(tag["values"]) for tag in builder["tags"] if tag["key"] == "_field"], [1], "must select: one field")
            self.assertEqual(len(builder["functions"]), 0 if "silent" in check["name"] else 1)

    def test_what_a_user_has_set_stays(self):
        self.done()
        views = [path for path in self.api.changed if path.endswith("/view")]
        self.api.things[views[0]]["properties"]["axes"]["y"]["bounds"] = ["10", "20"]
        before = json.dumps(self.api.things)
        self.done()
        self.assertEqual(json.dumps(self.api.things), before)

    def test_the_rest_of_a_cell_is_as_it_was(self):
        self.api.apply(json.loads(self.small))
        before = json.loads(json.dumps(self.api.things))
        self.done()
        for path in self.api.changed:
            new, old = self.api.things[path], before[path]
            if path.endswith("/view"):
                new["properties"]["axes"]["y"]["bounds"] = []
            else:
                new["query"] |= {"builderConfig": EMPTY_BUILDER, "editMode": ""}
            self.assertEqual(new, old)

    def test_the_token_may_be_in_a_file(self):
        with open(os.path.join(self.folder, "token"), "w") as file:
            file.write("of-the-file\n")
        self.done(INFLUX_TOKEN_FILE=file.name)
        with open(os.path.join(self.folder, "token-seen")) as seen:
            self.assertEqual(seen.read(), "of-the-file\n")
        self.assertEqual(self.api.tokens, {"Token of-the-file"})

    def test_a_refusal_is_a_failure_and_tried_again(self):
        self.assertNotEqual(self.run_it(FAKE_FAILS="yes").returncode, 0)
        for method in ("GET", "PATCH", "PUT"):
            self.api.refuse = method
            refused = self.run_it()
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, rf"apply: {method} /api/v2/[a-z0-9/]+: InfluxDB answered 401: .*")
            self.assertIn("unauthorized access", refused.stderr)
        self.api.refuse = None
        self.done()
        self.assertEqual(len(self.calls("apply")), 5)
        self.assertIn("there already", self.done())

    def test_tls(self):
        house.make_certificates(self.folder)
        certificate, key, ca = (os.path.join(self.folder, name) for name in ("good.pem", "good.key", "ca.pem"))
        self.api = self.serve((certificate, key))
        host = f"https://localhost:{self.api.server_port}/"
        untrusted = self.run_it(INFLUX_HOST=host)
        self.assertNotEqual(untrusted.returncode, 0)
        self.assertIn("certificate", untrusted.stderr)
        self.assertIn("bounds of", self.done(INFLUX_HOST=host, SSL_CERT_FILE=ca))

    def test_what_is_missing_is_named(self):
        # A machine with bash's own commands and influx, and nothing else.
        missing = self.run_it(PATH=self.folder)
        self.assertEqual((missing.returncode, missing.stderr), (1, "apply: there is no curl here, and it is needed\n"))


if __name__ == "__main__":
    house.main()
