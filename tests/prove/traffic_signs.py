#!/usr/bin/python3
"""traffic_signs.py -- the Model Monitor and Debugger post in full on German traffic signs (examples/traffic-signs/walk.py): of 400
attacked pictures at least 322 land in the class, the next monitor run raises it, 24 clean runs raise nothing; the detector's rates on
attacks of other kinds and half the strength are printed.

The signs are test data beside the repository ($FETTLE_SHARED_DATA); without them it is NOT RUN."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("FETTLE_SHARED_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))


def main():
    if not os.path.exists(DATA + "/gtsrb/gtsrb_train32.bin.gz"):
        print("NOT RUN: the traffic signs are not in the shared data")
        return 77
    with tempfile.TemporaryDirectory(prefix="fettle-signs-") as folder:
        code = subprocess.call([sys.executable, ROOT + "/examples/traffic-signs/walk.py", "signs", "--data", DATA + "/gtsrb",
                                "--clean-runs", "24", "--detector", "--out", folder + "/walk", *sys.argv[1:]])
        if code:
            return code
        got = json.load(open(folder + "/walk/walk.json"))
    good = got["landed"] >= 322 and got["attacked_violations"] > 0 and got["clean_raised"] == 0
    print(f"{got['landed']} of {got['attacks']} attacks land (322 at least); {got['clean_raised']} of {got['clean_runs']} clean runs "
          f"raised; alerts: {len(got['alerts'])}; detector: " +
          ", ".join(f"{k} {100 * v['share']:.1f} %" for k, v in got["detector"].items()))
    return 0 if good else 1


sys.exit(main())
