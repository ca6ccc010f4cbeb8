#!/usr/bin/env bash
# Builds the documentation site into build/site; a warning, such as a link that leads nowhere, is an error.
#
#   ./tools/site/build.sh [--videos] [--serve]
#
#   --videos    first draw a video of each motion on each body, and of each policy that comes with msemu
#   --serve     then serve the site on localhost, and build it again when a page changes
set -euo pipefail

videos="" command=(build --strict)
for word in "$@"; do
    case $word in
        --videos) videos=yes ;;
        --serve) command=(serve --strict) ;;
        -h | --help)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        *)
            echo "error: unknown option $word; see: $0 --help" >&2
            exit 2
            ;;
    esac
done

source "$(dirname "$0")/../python_env.sh"
make_environment docs
if [ -n "$videos" ]; then
    .venv/bin/python tools/site/videos.py
fi
NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs "${command[@]}"
