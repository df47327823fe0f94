#!/usr/bin/python3
"""count.py -- the closing line of ./run check: cases, not programs.

Reads meson's testlog.json. A TAP program counts each of its cases; any other program counts as one. A
program that died without reporting a failed case counts as one failure.
"""
import json
import re
import sys

passed = failed = skipped = 0
reasons = []
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        cases = re.findall(r"^(not ok|ok)\b(.*)$", test.get("stdout") or "", re.M)
        bad = test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
        if not cases:
            if test["result"] == "SKIP":
                skipped += 1
                reasons.append(test["name"])
            elif bad:
                failed += 1
            else:
                passed += 1
            continue
        bad_cases = 0
        for reason in re.findall(r"^# SKIP (.*)$", test.get("stdout") or "", re.M):
            skipped += 1
            passed -= 1  # such a case ends with "ok"
            reasons.append(test["name"] + ": " + reason)
        for verdict, rest in cases:
            if re.search(r"#\s*SKIP", rest, re.I):
                skipped += 1
                reasons.append(test["name"] + ":" + rest)
            elif verdict == "ok":
                passed += 1
            else:
                bad_cases += 1
        if bad and bad_cases == 0:
            bad_cases = 1
        failed += bad_cases
for reason in reasons:
    print("skipped " + reason)
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed or passed == 0 else 0)
