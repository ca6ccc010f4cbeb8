#!/usr/bin/env bash
# From a fresh machine to a muscle-driven body that was trained on a real walk: installs, fetches a motion, trains, measures,
# and writes a video. Running it again goes on training where the last call stopped.
#
#   ./tools/quickstart.sh [--minutes M] [--task TASK]
#
#   --minutes M    time for training (default 10)
#   --task TASK    a task of msemu-train --list (default Msemu-Walk-MyoLegs-v0)
set -euo pipefail

minutes=10
task=Msemu-Walk-MyoLegs-v0
while [ $# -gt 0 ]; do
    case $1 in
        --minutes | --task)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            if [ "$1" = --minutes ]; then minutes=$2; else task=$2; fi
            shift 2
            ;;
        -h | --help)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        *)
            echo "error: unknown option $1; see: $0 --help" >&2
            exit 2
            ;;
    esac
done

source "$(dirname "$0")/python_env.sh"
make_environment viewer
bin=.venv/bin

newest_run() {
    local checkpoints
    checkpoints=$(compgen -G "runs/$task/*_quickstart/model_*.pt" | sort) || return 0
    dirname "$(tail -n 1 <<<"$checkpoints")"
}

run=$(newest_run)
resume=()
if [ -n "$run" ]; then resume=(--resume "$run"); fi

echo "== training $task for $minutes minutes (Ctrl-C stops early and keeps what was learned)"
$bin/msemu-train "$task" --minutes "$minutes" --run-name quickstart "${resume[@]}"
run=$(newest_run)

echo "== measuring"
$bin/msemu-eval "$run" --timestep-s 0.002 --json "$run/metrics.json"

echo "== drawing the video"
$bin/msemu-play "$run" --seconds 5 --video "$run/policy.mp4"

cat <<END

Done.
  video     $run/policy.mp4      trained body beside its reference
  metrics   $run/metrics.json    plots in $run/eval
  curves    $bin/tensorboard --logdir runs

What to run next:
  $bin/msemu-play $run                      watch it in the browser
  ./tools/quickstart.sh --minutes 60        train on
  $bin/msemu-distill $run --minutes 20      make a policy of it that excites each muscle itself
  $bin/msemu-train --list                   other bodies and motions
  docs/own_motion.md                        your own motion
END
