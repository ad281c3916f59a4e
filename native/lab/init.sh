#!/bin/sh
# PID 1 of the lab. Brings up the pseudo file systems, cgroup v2, KVM, the disks and the SELinux policy, then becomes run_job.
# docs/lab.md describes the whole. Ports (/sys/class/virtio-ports/*/name): control (both ways), stdout and stderr (to the host).
# Says "failed STEP" on the control port when a step fails.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

say() { echo "lab: $*" >/dev/console; }

# Nothing runs with less than was promised: a step that fails ends the lab with its name, and the host shows it.
must() {
  if ! "$@" >/run/lab.step 2>&1; then
    sed "s/^/lab: /" /run/lab.step >/dev/console
    say "failed $*"
    if [ -n "${control:-}" ]; then echo "failed $*" >"$control"; fi
    busybox poweroff -f
  fi
}

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mountpoint -q /dev || mount -t devtmpfs -o nosuid devtmpfs /dev
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run

must mount -o remount,rw /
must mkdir -p /dev/pts /dev/shm
must mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
must mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
must mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /tmp
must mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
must mount -t securityfs securityfs /sys/kernel/security

# Audit records reach the kernel log through printk, which would drop all but ten in five seconds: no limit, so that every denial is there.
must busybox sysctl -q -w kernel.printk_ratelimit=0

find_port() {
  for name in /sys/class/virtio-ports/*/name; do
    if [ "$(cat "$name")" = "$1" ]; then
      echo "/dev/$(basename "$(dirname "$name")")"
      return
    fi
  done
}
control=$(find_port control)
stdout=$(find_port stdout)
stderr=$(find_port stderr)
must test -c "$control" -a -c "$stdout" -a -c "$stderr"

# A kernel that has them built in has no files for them; what counts is the device.
modprobe -q -a tun kvm_amd loop
must test -c /dev/kvm -a -c /dev/net/tun
must sh -c 'for controller in cpuset cpu io memory pids; do echo +$controller >/sys/fs/cgroup/cgroup.subtree_control || exit; done'
must ip link set lo up
must hostname lab

# By serial, not by letter: the order of virtio disks is the order of probing, which is nobody's promise.
find_disk() {
  for serial in /sys/block/vd*/serial; do
    if [ "$(cat "$serial")" = "$1" ]; then
      echo "/dev/$(basename "$(dirname "$serial")")"
      return
    fi
  done
}
project=/opt/bulkhead
must mount -o nodev "$(find_disk project)" "$project"
must mount -o nodev "$(find_disk modules)" "$project/node_modules"
results=$(find_disk results)
must test -b "$results"
must mkdir -p /run/lab/results

# The policy, then labels of what was made before it, then the context of root's login, all before enforcing: kernel_t, as which init
# started, may not change its user to that context, nor write the labels.
must load_policy -i
must restorecon -R /dev /run /tmp
export control stdout stderr results
exec runcon unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 /bin/sh /usr/lib/bulkhead-lab/run_job
