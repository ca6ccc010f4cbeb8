#!/usr/bin/env bash
# Measures msemu on this machine's CUDA device, the most important figures first: training steps per second of whole bodies and
# the share of each stage, exact muscle paths against the engine's tendons, then numbers of environments, muscle levels and
# memory. Each figure is printed and saved when it is made; what does not fit into the time is left out and named.
#
#   tools/measure_gpu.sh [--minutes M] [--device D] [--tiny] [--wheels DIR] [OUT]
#
#   --minutes M    time for all of it (default 60)
#   --device D     cuda, or cpu for Warp's own device (default cuda)
#   --tiny         a few environments of the smallest body, to try the script itself
#   --wheels DIR   install msemu from the wheels in a folder first, into OUT; torch is the machine's
#   OUT            folder for the figures (default gpu_figures)
#
# MS-Human-700 takes part when MSEMU_MS_HUMAN_700 names its folder. For a machine without network, on one with the same Python:
#   pip wheel -c constraints.txt -w wheels . && rm -f wheels/{torch-,nvidia,triton,cuda}*
#   XDG_CACHE_HOME=$PWD/cache msemu-motion prepare walk --body myofullbody    # and ms_human_700, and myolegs for --tiny
# Carry both folders along and set XDG_CACHE_HOME there as well.
set -euo pipefail

minutes=60 device=cuda out=gpu_figures wheels=
bodies=(myofullbody) sizes=(4096 1024 2048 8192) iterations=3
[[ -z ${MSEMU_MS_HUMAN_700:-} ]] || bodies+=(ms_human_700)
while [ $# -gt 0 ]; do
    case $1 in
        --minutes | --device | --wheels)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            printf -v "${1#--}" %s "$2"
            shift 2
            ;;
        --tiny) bodies=(myolegs) sizes=(2 3) iterations=1; shift ;;
        -h | --help)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        -*) echo "error: unknown option $1; see: $0 --help" >&2; exit 2 ;;
        *) out=$1; shift ;;
    esac
done
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "error: --minutes takes a whole number above 0, not $minutes" >&2; exit 2; }
[[ -z $wheels || -n $(compgen -G "$wheels/msemu-*.whl") ]] || { echo "error: $wheels holds no wheel of msemu" >&2; exit 2; }
[[ -n $wheels || -n $(command -v msemu-bench) ]] || { echo "error: msemu is not installed; see: $0 --help" >&2; exit 2; }
mkdir -p "$out"
end=$((SECONDS + 60 * minutes))
left_out=()
bench=(msemu-bench)
if [[ -n $wheels ]]; then
    # Into a folder: neither root nor an environment is needed, and the machine's own torch is found.
    python3 -m pip install --quiet --no-index --no-deps --upgrade --target "$out/site" "$wheels"/*.whl
    bench=(env "PYTHONPATH=$(realpath "$out")/site" python3 -c "from msemu.cli.commands import bench; bench()")
fi

# measure NAME WORDS...: one benchmark into NAME.json and NAME.txt, within the time that is left.
measure() {
    local name=$1 left=$((end - SECONDS))
    shift
    rm -f "$out/$name.json"
    if ((left < 5)); then left_out+=("$name"); return; fi
    timeout --kill-after 10 "$left" "${bench[@]}" "$@" --json "$out/$name.json" 2>&1 | tee "$out/$name.txt" ||
        [[ -s $out/$name.json ]] || left_out+=("$name") # time may run out after the figure
}

# Few iterations where there is little time: a figure of each kind comes before a narrow one.
((minutes > 15)) || iterations=$((iterations < 2 ? iterations : 2))

train() {
    measure "train_$1_$2_$3" train --bodies "$1" --num-envs "$2" --paths "$3" --engine warp --device "$device" \
        --iterations $iterations
}

[[ $device == cpu ]] || nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/device.csv" || true
for body in "${bodies[@]}"; do train "$body" "${sizes[0]}" exact; done
for body in "${bodies[@]}"; do
    measure "paths_$body" paths --body "$body" --num-envs "${sizes[0]}" --engine warp --device "$device" --rounds $iterations
done
for body in "${bodies[@]}"; do train "$body" "${sizes[0]}" engine; done
for size in "${sizes[@]:1}"; do
    for body in "${bodies[@]}"; do train "$body" "$size" exact; done
done
measure muscle muscle --device "$device" --bodies "${bodies[@]}" --step-num-envs "${sizes[0]}" --rounds $iterations

compgen -G "$out/*.json" || true
if ((${#left_out[@]})); then
    echo "left out or failed for want of time or memory: ${left_out[*]}" >&2
    exit 1
fi
