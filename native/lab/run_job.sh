#!/bin/sh
# Second half of the lab's init, still PID 1, as unconfined_t: switches to enforcing, takes one job from the host, runs it, writes its
# results as a tar stream to the results disk and powers off.
#
# Lines on the control port, from here: "ready", "failed STEP", "exit CODE", "results BYTES".
# From the host: "BYTES\n" and a shell script of that many bytes, the job.
set -u
exec 3<>"$control"

# Node compiles at run time. For the unconfined only: a domain of ours has execmem by its own rules or not at all.
setsebool allow_execmem on
setenforce 1
if [ "$(cat /sys/fs/selinux/enforce)" != 1 ]; then
  echo "failed setenforce" >&3
  busybox poweroff -f
fi

echo "ready" >&3
read -r job_bytes <&3
head -c "$job_bytes" <&3 >/run/lab/job
rm -f /run/lab.step

cd /opt/bulkhead || busybox poweroff -f
export BULKHEAD_LAB=1 LAB_RESULTS=/run/lab/results
# A session of its own: the job's signals to its group do not reach PID 1. Only a shell has a terminal.
run() {
  env -u control -u stdout -u stderr -u results setsid --wait "$@" sh /run/lab/job 3>&-
}
if [ -c /dev/hvc0 ]; then
  run --ctty </dev/hvc0 >/dev/hvc0 2>&1
else
  run </dev/null >"$stdout" 2>"$stderr"
fi
code=$?

# The kernel log carries every audit record since the boot, the job's denials among them.
dmesg >/run/lab/results/kernel.log
tar -C /run/lab/results -cf - . | dd of="$results" bs=1M conv=fsync 2>/run/lab/written
echo "exit $code" >&3
echo "results $(sed -n 's/^\([0-9]*\) bytes.*/\1/p' /run/lab/written)" >&3
busybox poweroff -f
