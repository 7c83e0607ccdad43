#!/bin/sh
# Keeps what of the log is worth it: lines of warning or worse, in a ring of four files, appended to once an hour and
# when the machine goes down. Where nothing was said nothing is written but the time, for machines without a clock.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
state=${LARES_STATE:-/var/lib/lares-os}
run=${LARES_RUN:-/run/lares-os}
most=${LARES_RING_BYTES:-131072}
ring=$state/log
touch "$state/clock"
mkdir -p "$ring"
[ -e "$run/log-cursor" ] || begun=1
journalctl --quiet --no-pager --priority=warning --output=short-iso --cursor-file="$run/log-cursor" |
  tail -c "$most" >"$run/log-new"
[ -s "$run/log-new" ] || exit 0
{
  [ -z "$begun" ] || echo "-- slot $(cat "$run/slot"), start $(cat /proc/sys/kernel/random/boot_id)"
  cat "$run/log-new"
} >>"$ring/0"
if [ "$(stat -c %s "$ring/0")" -gt "$most" ]; then
  for at in 2 1 0; do
    [ ! -e "$ring/$at" ] || mv "$ring/$at" "$ring/$((at + 1))"
  done
fi
rm -f "$run/log-new"
