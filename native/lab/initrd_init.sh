#!/bin/busybox sh
# First program of the lab's kernel: finds the root disk by its serial, mounts it and hands over to its init.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in $(/bin/busybox cat /modules/order); do
  /bin/busybox insmod "/modules/$module" || echo "initrd: cannot load $module"
done

# The disk is there as soon as its driver is; a disk that is missing is a mistake of the host's side and ends the boot by a panic.
for serial in /sys/block/vd*/serial; do
  if [ "$(/bin/busybox cat "$serial")" = root ]; then
    disk=/dev/$(/bin/busybox basename "$(/bin/busybox dirname "$serial")")
  fi
done
/bin/busybox mount -t ext4 -o ro "${disk:?no disk with the serial root}" /root || exit 1
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /usr/lib/bulkhead-lab/init
