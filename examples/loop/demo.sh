#!/usr/bin/env bash
# demo.sh -- the whole loop on Fashion-MNIST, in a minute: a job that does not learn is stopped, one that learns is
# served, its traffic is captured and watched, altered traffic raises an alert, and the alert is walked
# back to the training file. `--keep` leaves the server running and the folder in place.
set -euo pipefail
cd "$(dirname "$0")/../.."

keep=
[ "${1:-}" = --keep ] && keep=1
data=/usr/share/datasets/fashion-mnist
train=$data/train-images-idx3-ubyte.gz
test=$data/t10k-images-idx3-ubyte.gz
export FETTLE_HOME; FETTLE_HOME=$(mktemp -d "${TMPDIR:-/tmp}/fettle-demo-XXXXXX")
fettle=$PWD/build/fettle
server=
began=$SECONDS

say()  { printf '\n%s\n' "$*"; }
show() { printf '  $ fettle %s\n' "$*"; "$fettle" "$@" 2>&1 | sed 's/^/    /'; }
finish() {
    local code=$?
    [ -z "$keep" ] || [ "$code" -ne 0 ] || return 0
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
    rm -rf "$FETTLE_HOME"
    [ "$code" -eq 0 ] || echo "the demo stopped early (exit code $code)" >&2
}
trap finish EXIT
[ -f "$train" ] || { echo "the package dataset-fashion-mnist is missing; ./run setup installs it" >&2; exit 1; }

settings=(--train "$train" --validation "$test" --rows 10000
    --set objective=multi:softmax --set num_class=10 --set max_depth=4 --set tree_method=hist
    --set max_bin=32 --set eval_metric=merror,mlogloss --rule LossNotDecreasing)

say "1. A job that cannot learn: its learning rate (eta) is 0, and 10,000 rounds are asked for."
echo "   A rule in a process of its own watches the stored loss. It may first fire at step 10, and stops the job there."
show train xgboost --job never-learns "${settings[@]}" --set num_round=10000 --set eta=0 --save losses:5
show jobs show never-learns | grep -E '\$|status|reason|rule'

say "2. The same job with eta 0.2, 15 rounds: the loss falls, so the rule says nothing and the job completes."
show train xgboost --job learns "${settings[@]}" --set num_round=15 --set eta=0.2 --save losses:1 --save metrics:1
show report learns --output "$FETTLE_HOME/learns-report.html"

say "3. Its model goes behind an endpoint; every request is captured before it is answered."
"$fettle" serve --port "${FETTLE_DEMO_PORT:-0}" >"$FETTLE_HOME/server.log" 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'serving on' "$FETTLE_HOME/server.log" && break; sleep 0.05; done
url=$(sed -n 's/^serving on //p' "$FETTLE_HOME/server.log")
[ -n "$url" ] || { cat "$FETTLE_HOME/server.log" >&2; exit 1; }
show deploy learns --endpoint fashion --capture 100
show monitor baseline fashion --data "$train" --rows 10000
show alerts to file "$FETTLE_HOME/alerts.jsonl"

say "4. 400 clean test pictures. The monitor compares what was captured with the training data: no violation."
show invoke fashion --data "$test" --rows 400
clean_end=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
show monitor run fashion --until "$clean_end"

say "5. The same 400 pictures, inverted, as if a camera had been set up wrongly: the monitor raises a violation."
show invoke fashion --data "$test" --rows 400 --alter invert
show monitor run fashion --since "$clean_end"

say "6. The alert, walked back edge by edge to the hash of the training file."
alert=$("$fettle" sql "select max(id) as id from alert where subject = 'endpoint/fashion'" --json | tr -dc 0-9)
show alerts ls
show lineage "alert:$alert"

say "7. Everything above was recorded once and can be asked again: the captured requests too, of the model that answered them."
show replay fashion
show sql "select job, max(step) as last_step, min(value) as best from metric where name = 'validation-mlogloss' group by job"
show sql "select prediction, count(*) as answers from capture where endpoint = 'fashion' group by 1 order by 2 desc limit 3"

say "Done in $((SECONDS - began)) seconds. Places to look at:"
if [ -n "$keep" ]; then
    disown "$server"
    echo "   dashboard        $url/"
    echo "   training report  $FETTLE_HOME/learns-report.html"
    echo "   everything       $FETTLE_HOME"
    echo "   stop the server  kill $server"
else
    echo "   ./run demo --keep leaves the server, the dashboard and the report in place to look at."
fi
