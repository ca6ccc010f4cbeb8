#!/usr/bin/env bash
# From a policy that leads the muscle controller to a native one fine-tuned on a GPU: distils a start on the CPU, measures how fast this
# machine learns from it, says how long the whole takes, and goes on.
#
#   tools/gpu/finetune.sh [options] [OUT]
#
#   --task T        task whose policy comes with msemu and is the teacher (default Msemu-Walk-MyoLegs-v0)
#   --run RUN       a native run to begin with; nothing is distilled then
#   --distill M     minutes of distillation (default 45)
#   --agent A       agent that goes on (default ppo)
#   --samples N     control steps of all environments together (default 100000000)
#   --num-envs E    environments (default 4096)
#   --device D      cuda, or cpu for Warp's own device (default cuda)
#   --estimate      stop after the estimate
#   OUT             folder of the runs (default gpu_finetuning)
set -euo pipefail

task=Msemu-Walk-MyoLegs-v0 run= distill=45 agent=ppo samples=100000000 envs=4096 device=cuda out=gpu_finetuning estimate=
trial=3
fail() { echo "error: $1; see: $0 --help" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
        --task | --run | --distill | --agent | --samples | --device)
            [ $# -ge 2 ] || fail "$1 needs a value"
            printf -v "${1#--}" %s "$2"
            shift 2
            ;;
        --num-envs) [ $# -ge 2 ] || fail "$1 needs a value"; envs=$2; shift 2 ;;
        --estimate) estimate=yes; shift ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
        -*) fail "unknown option $1" ;;
        *) out=$1; shift ;;
    esac
done
for number in "$distill" "$samples" "$envs"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || fail "--distill, --samples and --num-envs take whole numbers above 0, not $number"
done
[[ -n $(command -v msemu-train) ]] || fail "msemu is not installed"
mkdir -p "$out"

# newest NAME: the last run folder of that name below OUT.
newest() { find "$out" -mindepth 2 -maxdepth 2 -type d -name "*_$1*" | sort | tail -1; }

if [[ -z $run ]]; then
    run=$(newest distilled)
    if [[ -z $run ]]; then
        msemu-distill "$task" --pretrained --minutes "$distill" --runs-dir "$out"
        run=$(newest distilled)
    else
        echo "going on with the start that is there: $run"
    fi
fi
options=("$task" --init "$run" --agent "$agent" --sim.engine warp --sim.device "$device" --device "$device" --num-envs "$envs" --runs-dir "$out")

# The first iterations compile and warm up, so the last line of a trial counts.
msemu-train "${options[@]}" --iterations "$trial" --run-name trial | tee "$out/trial.txt"
rate=$(sed -n 's/.*iteration [0-9]*  \([0-9]*\) steps\/s.*/\1/p' "$out/trial.txt" | tail -1)
steps=$(sed -n 's/^ *num_steps_per_env: \([0-9]*\)$/\1/p' "$(newest trial)/config.yaml" | head -1)
[[ -n $rate && $rate -gt 0 && -n $steps ]] || fail "the trial told no speed ($out/trial.txt)"
iterations=$(((samples + envs * steps - 1) / (envs * steps)))
((iterations > 0)) || iterations=1
seconds=$((iterations * envs * steps / rate))
printf '%d iterations of %d steps in %d environments at the %d steps/s of the trial: %d h %02d min\n' \
    "$iterations" "$steps" "$envs" "$rate" $((seconds / 3600)) $((seconds % 3600 / 60)) | tee "$out/estimate.txt"
[[ -z $estimate ]] || exit 0
msemu-train "${options[@]}" --iterations "$iterations" --run-name finetuned
msemu-eval "$(newest finetuned)" --timestep-s 0.002
