#!/usr/bin/env bash
# Measures msemu on this machine's CUDA device: training and physics rates of both whole bodies over the number of
# environments, with memory, and the cost of each muscle level. Everything goes to the folder OUT.
#
#   tools/measure_gpu.sh [OUT]
#
# MS-Human-700 takes part when MSEMU_MS_HUMAN_700 names its folder.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-gpu_figures}
mkdir -p "$out"

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/device.csv"

bodies=(myolegs myofullbody)
if [[ -n ${MSEMU_MS_HUMAN_700:-} ]]; then
  bodies+=(ms_human_700)
fi
for body in "${bodies[@]}"; do
  msemu-bench train --bodies "$body" --engine warp --device cuda --num-envs 1024 2048 4096 8192 --iterations 5 \
    --json "$out/train_$body.json" --plot "$out/train_$body.png" | tee "$out/train_$body.txt"
done
msemu-bench muscle --device cuda --bodies "${bodies[@]:1}" --step-num-envs 4096 \
  --json "$out/muscle.json" | tee "$out/muscle.txt"
