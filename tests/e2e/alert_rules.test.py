#!/usr/bin/env python3
"""Rules as the page changes them: the file with its comments, mistakes with their places, what a draft would have done; and rules about log lines."""

import json
import os
import re
import stat
import subprocess
import time

import house
from house import TOKEN, request, wait_for

JSON = {"Content-Type": "application/json"}
RULES = """# of the night shift
notify = []

# Mia asked for this.
[rule.disk]
when = 'test_disk.used_percent > 90'   # not 95

# for the database
[rule.other]
when = 'test_mem.used_percent > 90'
"""


class AlertRulesTest(house.HouseTest):
    def open(self, rules=None):
        self.rules = rules or os.path.join(self.folder, "alerts.toml")
        if rules is None:
            with open(self.rules, "w") as file:
                file.write(RULES)
            os.chmod(self.rules, 0o640)
        self.served = self.server(f"alerts.rules_file={self.rules}")
        line = self.served.wait_line("made the first administrator", "user=admin")
        password = re.search(r" password=(\S+)$", line)[1]
        answer = self.call("POST", "/api/v1/login", {"user": "admin", "password": password}, cookie="")
        self.cookie = answer.headers["set-cookie"].split(";")[0]

    def call(self, method, path, body=None, cookie=None, **more):
        cookie = self.cookie if cookie is None else cookie
        headers = {**(JSON if body is not None else {}), **({"Cookie": cookie} if cookie else {}), **more}
        return request(self.served.http_port, method, path, json.dumps(body).encode() if body is not None else None, headers)

    def rule(self, name, method="GET", **body):
        return self.call(method, f"/api/v1/alerts/rules/{name}", body or None)

    def read(self):
        with open(self.rules) as file:
            return file.read()

    def write(self, *lines):
        answer = request(self.served.http_port, "POST", "/write?db=resmon", "\n".join(lines).encode(), {"Authorization": f"Token {TOKEN}"})
        assert answer.status == 204, answer.body

    def test_a_name_that_nothing_writes_is_warned_of_until_there_is_data(self):
        self.rules = os.path.join(self.folder, "alerts.toml")
        with open(self.rules, "w") as file:
            file.write("[rule.full]\nwhen = 'disk.used_precent > 90'\n[rule.mine]\nwhen = 'my_orders.open > 5 or mem.used_percent > 99'\n")
        doubt = f"{self.rules}:2:14: rule.full.when: no collector writes disk.used_precent; did you mean used_percent?"
        command = [house.program("resmon-server"), "--check-config", "--set", f"store.directory={self.folder}/x", "--set", f"alerts.rules_file={self.rules}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=house.clean_environment())
        self.assertEqual((done.returncode, done.stderr), (0, f"resmon-server: warning: {doubt}\n"), done)
        served = self.served = self.server(f"alerts.rules_file={self.rules}")
        served.wait_line("WARN alerts an alert rule names what is not known", "disk.used_precent")

        def rules():
            answer = served.get("/api/v1/alerts/rules").json()
            return answer["warnings"], {one["name"]: one["has_data"] for one in answer["rules"]}

        self.assertEqual(served.get("/api/v1/alerts").json()["rules_warnings"], [doubt])
        warnings, data = rules()
        self.assertEqual((warnings, data["full"], data["mine"]), ([doubt], False, False))
        # What a script writes is no slip.
        self.write("disk,host=a used_precent=5", "my_orders open=1")
        wait_for("the field", lambda: rules()[0] == [])
        self.assertEqual(rules()[1]["full"], True)
        self.assertEqual(rules()[1]["mine"], False)
        self.write("mem,host=a used_percent=5")
        wait_for("both fields", lambda: rules()[1]["mine"])
        # A reload warns, too; and a file with errors is one in --check-config.
        with open(self.rules, "w") as file:
            file.write("[rule.full]\nwhen = 'dsk.used_percent > 90'\n")
        served.wait_line("WARN alerts an alert rule names what is not known", "the measurement 'dsk'; did you mean disk?")
        with open(self.rules, "w") as file:
            file.write("[rule.full]\nwhen = 'disk.used_percent >'\n")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=house.clean_environment())
        self.assertEqual(done.returncode, 3, done)
        self.assertIn("alerts.toml:2:28: rule.full.when:", done.stderr)

    def test_the_file_is_changed_and_its_comments_stay(self):
        self.open()
        known = self.rule("disk").json()
        self.assertTrue(known["in_file"])
        self.assertEqual(known["text"], "# Mia asked for this.\n[rule.disk]\nwhen = 'test_disk.used_percent > 90'   # not 95\n")
        text = known["text"].replace("> 90", "> 80")
        self.assertEqual(self.rule("disk", "PUT", text=text, was=known["text"]).status, 204)
        self.assertEqual(self.read(), RULES.replace("> 90'   #", "> 80'   #"))
        self.assertEqual(stat.S_IMODE(os.stat(self.rules).st_mode), 0o640)
        whens = {one["name"]: one["when"] for one in self.served.get("/api/v1/alerts/rules").json()["rules"]}
        self.assertEqual(whens["disk"], "test_disk.used_percent > 80")
        # Somebody else was faster.
        self.assertEqual(self.rule("disk", "PUT", text=text, was=known["text"]).status, 409)
        # Mistakes have their place, and change nothing.
        bad = self.rule("disk", "PUT", text="[rule.disk]\nwhen = 'test_disk.used_percent >'\n", was=text)
        self.assertEqual(bad.status, 422)
        mistake = bad.json()["mistakes"][0]
        self.assertEqual((mistake["line"], mistake["column"]), (2, 33), mistake)
        self.assertIn("expected a number", mistake["reason"])
        channel = self.rule("disk", "PUT", text=text + '[channel.x]\nkind = "exec"\ncommand = ["/bin/sh"]\n', was=text)
        self.assertEqual(channel.status, 422, channel.body)
        self.assertEqual(self.read(), RULES.replace("> 90'   #", "> 80'   #"))
        # A new one, a built-in one, and back again.
        self.assertEqual(self.rule("new", "PUT", text="[rule.new]\nwhen = 'x.y > 1'", was="").status, 204)
        built_in = self.rule("disk-full").json()
        self.assertFalse(built_in["in_file"])
        self.assertIn("[rule.disk-full]\nwhen = ", built_in["built_in"])
        self.assertEqual(self.rule("disk-full", "PUT", text='[rule.disk-full]\nfor = "10m"\n', was="").status, 204)
        self.assertTrue(self.read().endswith('[rule.new]\nwhen = \'x.y > 1\'\n\n[rule.disk-full]\nfor = "10m"\n'), self.read())
        self.assertEqual(self.rule("disk-full", "DELETE", was='[rule.disk-full]\nfor = "10m"').status, 204)
        self.assertEqual(self.rule("new", "DELETE", was="[rule.new]\nwhen = 'x.y > 1'").status, 204)
        self.assertEqual(self.read(), RULES.replace("> 90'   #", "> 80'   #"))
        self.assertEqual(self.rule("new").status, 404)
        self.assertEqual(self.rule("a.b").status, 400)
        # By hand it is read again, too.
        with open(self.rules, "a") as file:
            file.write("[rule.hand]\nwhen = 'x.y > 1'\n")
        wait_for("the rule by hand", lambda: "hand" in [one["name"] for one in self.served.get("/api/v1/alerts/rules").json()["rules"]])

    def test_a_file_that_cannot_be_written_is_an_error_that_says_what_to_do(self):
        # As a unit with ProtectSystem=strict has /etc: there, and not even root may write it.
        self.open("/proc/self/alerts.toml")
        answer = self.rule("new", "PUT", text="[rule.new]\nwhen = 'x.y > 1'\n", was="")
        self.assertEqual(answer.status, 503)
        self.assertRegex(answer.json()["error"], r"the server cannot write the rules file \(/proc/\S*alerts.toml: .*set alerts.rules_file to a file in")

    def test_only_an_administrator_of_this_page_changes_rules(self):
        self.open()
        body = {"text": "[rule.disk]\nwhen = 'x.y > 1'", "was": self.rule("disk").json()["text"]}
        path = "/api/v1/alerts/rules/disk"
        for method in ("GET", "POST", "PUT", "DELETE"):
            sent = None if method == "GET" else body
            self.assertEqual(self.call(method, path, sent, cookie="").status, 401, method)
            self.assertEqual(self.call(method, path, sent, cookie="", Authorization=f"Bearer {TOKEN}").status, 403, method)
        self.assertEqual(self.call("POST", "/api/v1/users", {"user": "mia", "role": "viewer", "password": "a long password"}).status, 201)
        answer = self.call("POST", "/api/v1/login", {"user": "mia", "password": "a long password"}, cookie="")
        viewer = answer.headers["set-cookie"].split(";")[0]
        self.assertEqual(self.call("PUT", path, body, cookie=viewer).status, 403)
        self.assertEqual(self.call("PUT", path, body, Origin="http://evil.example").status, 403)
        self.assertEqual(request(self.served.http_port, "PUT", path, json.dumps(body).encode(), {"Cookie": self.cookie, "Content-Type": "text/plain"}).status, 400)
        self.assertEqual(self.read(), RULES)

    def test_a_draft_says_what_it_would_have_done(self):
        self.open()
        begin = time.time_ns() // 10**9 - 4 * 3600
        lines = []
        for i in range(0, 3 * 3600, 10):
            used = 95 if 600 <= i < 1200 or 7200 <= i < 7260 else 50
            lines.append(f"system,host=web1 load1=1 {(begin + i) * 10**9}")
            lines.append(f"test_disk,host=web1,path=/ used_percent={used} {(begin + i) * 10**9}")
            lines.append(f"test_disk,host=web2,path=/ used_percent=40 {(begin + i) * 10**9}")
        self.write(*lines)
        house.wait_for("both hosts are known", lambda: len(self.served.hosts()) == 2)
        draft = "[rule.disk]\nwhen = 'test_disk.used_percent > {}'\n"
        answer = self.rule("disk", "POST", text=draft.format(90), since="5h").json()
        self.assertEqual(answer["mistakes"], [])
        self.assertEqual((answer["fired"], answer["hosts_fired"], answer["hosts"], answer["partial"]), (2, 1, 2, False), answer)
        self.assertEqual([one["fired"] // 1000 - begin for one in answer["alerts"]], [7200, 600])
        chart = answer["chart"]
        self.assertEqual((chart["host"], chart["limit"], chart["tags"]), ("web1", 90, {"path": "/"}))
        self.assertEqual(max(value for value in chart["values"] if value is not None), 95)
        self.assertEqual(chart["values"][0], None)
        self.assertEqual(self.rule("disk", "POST", text=draft.format(30), since="5h").json()["hosts_fired"], 2)
        answer = self.rule("disk", "POST", text=draft.format(96), since="5h").json()
        self.assertEqual((answer["fired"], answer["chart"]["host"]), (0, "web1"))
        self.assertEqual(self.rule("disk", "POST", text="[rule.disk]\nwhen = 'x'", since="5h").json()["mistakes"][0]["line"], 2)
        self.assertEqual(self.rule("disk", "POST", text=draft.format(9), since="soon").status, 400)
        self.assertEqual(self.read(), RULES)

    def test_a_rule_about_log_lines_and_the_last_errors(self):
        told = os.path.join(self.folder, "told.json")
        self.open()
        with open(self.rules, "w") as file:
            file.write(f"""notify = ["run"]
[channel.run]
kind = "exec"
command = ["/bin/sh", "-c", "cat >>{told}"]
[rule.sshd]
when = '''logs('"Failed password"') > 3 in 5m'''
""")
        wait_for("the rule", lambda: "sshd" in [one["name"] for one in self.served.get("/api/v1/alerts/rules").json()["rules"]])
        now = time.time()
        past = [f"system,host=web2 load1=1 {int(now - 7500 + i) * 10**9}" for i in range(0, 600, 5)]
        self.write(f"system,host=web1 load1=1 {time.time_ns()}", f"system,host=web2 load1=1 {time.time_ns()}", *past)

        def stamp(at):
            return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + "Z"

        lines = []
        for i in range(6):
            lines.append({"_msg": f"Failed password for root from 10.0.0.{i}", "_time": stamp(now - 30 + i), "host": "web1", "level": "error", "unit": "ssh"})
            lines.append({"_msg": f"Failed password for root from 10.0.1.{i}", "_time": stamp(now - 7200 + i), "host": "web2", "level": "error"})
        body = "\n".join(json.dumps(one) for one in lines).encode()
        wait_for("the fleet", lambda: len(self.served.get("/api/v1/hosts").json()["hosts"]) == 2)
        answer = request(self.served.http_port, "POST", "/insert/jsonline", body, {"Authorization": f"Bearer {TOKEN}"})
        self.assertEqual(answer.status, 204, answer.body)
        fires = lambda: self.served.get("/api/v1/alerts").json()["alerts"]  # noqa: E731
        wait_for("the alert", fires)
        self.assertEqual([(one["host"], one["rule"], one["value_text"]) for one in fires()], [("web1", "sshd", "6 lines")])
        wait_for("the message", lambda: os.path.exists(told) and os.path.getsize(told))
        with open(told) as file:
            item = json.load(file)["alerts"][0]
        self.assertEqual(len(item["errors"]), 5)
        self.assertTrue(item["errors"][-1].endswith("ssh: Failed password for root from 10.0.0.5"), item["errors"])
        self.assertEqual(item["text"], '6 log lines match "Failed password" (> 3 in 5 min)')
        # It begins with what is stored, so a start changes nothing.
        wait_for("the fleet", fires)
        draft = """[rule.sshd]\nwhen = '''logs('"Failed password"') > 4 in 5m'''\n"""
        answer = self.rule("sshd", "POST", text=draft, since="3h").json()
        self.assertEqual((answer["fired"], answer["hosts_fired"]), (2, 2), answer)
        self.assertEqual(self.rule("sshd", "POST", text=draft.replace("> 4", "> 6"), since="3h").json()["fired"], 0)
        # Another process finds the newest lines too, which are in no block yet.
        words = ["alerts", "test", "sshd", "--since", "3h", "--json", "--set", f"store.directory={self.served.store}"]
        words += ["--set", f"alerts.rules_file={self.rules}"]
        done = subprocess.run([house.program("resmon-server"), *words], capture_output=True, text=True, timeout=120, env=house.clean_environment())
        self.assertEqual([one["host"] for one in json.loads(done.stdout)["alerts"]], ["web2", "web1"], done.stdout)
        preview = self.call("POST", "/api/v1/alerts/silences/preview", {"hosts": "web1", "rule": "ssh*"}).json()
        self.assertEqual((preview["alerts"], preview["hosts"], preview["hosts_selected"], preview["rules_selected"]), (1, 1, 1, 1), preview)
        preview = self.call("POST", "/api/v1/alerts/silences/preview", {"hosts": "web2", "rule": "*"}).json()
        self.assertEqual((preview["alerts"], preview["hosts_selected"]), (0, 1), preview)

    def test_lines_that_come_late_count_in_their_window(self):
        self.open()
        with open(self.rules, "w") as file:
            file.write("""[rule.sshd]
when = '''logs('"Failed password"') > 8 in 1m'''
""")
        wait_for("the rule", lambda: "sshd" in [one["name"] for one in self.served.get("/api/v1/alerts/rules").json()["rules"]])
        now = time.time()
        self.write(*[f"system,host=web{i} load1=1 {time.time_ns()}" for i in (1, 2, 3)])
        wait_for("the fleet", lambda: len(self.served.get("/api/v1/hosts").json()["hosts"]) == 3)

        def put(host, count, age, step):
            lines = [
                {"_msg": f"Failed password {i}", "_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - age + i * step)), "host": host}
                for i in range(count)
            ]
            body = "\n".join(json.dumps(one) for one in lines).encode()
            answer = request(self.served.http_port, "POST", "/insert/jsonline", body, {"Authorization": f"Bearer {TOKEN}"})
            self.assertEqual(answer.status, 204, answer.body)

        def fired():
            found = self.served.get("/api/v1/alerts/history?limit=100").json()["history"]
            return [(one["host"], one["value_text"]) for one in found if one["state"] == "firing"]

        put("web3", 10, 3600, 1)  # an hour ago: too late
        put("web2", 10, 400, 30)  # never more than three in a minute
        put("web1", 5, 300, 1)
        put("web1", 5, 290, 1)  # with those before, in one minute
        wait_for("the alert", fired)
        self.assertEqual(fired(), [("web1", "10 lines")])


if __name__ == "__main__":
    house.main()
