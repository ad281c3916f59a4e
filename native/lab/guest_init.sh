#!/bin/busybox sh
# Init of the Linux guest kit: does what the kernel command line asks and reports on the console, one fact a line, then powers off.
# The parameters and the lines are documented in docs/lab.md; src/compliance/lab/guest_report.ts reads them.
/bin/busybox mkdir -p /proc /sys /dev /tmp /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1

status=ok
report() { echo "bulkhead: $*"; }
fail() {
  status=failed
  report "error step=$1"
}
now_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

# All values of one parameter, in order.
asked() { tr ' ' '\n' </proc/cmdline | sed -n "s/^bulkhead\.$1=//p"; }
to_bytes() {
  case $1 in
    *K) echo $((${1%K} * 1024)) ;;
    *M) echo $((${1%M} * 1048576)) ;;
    *) echo "$1" ;;
  esac
}

report "start kernel=$(uname -r)"

# By alias: only the drivers of devices that are there are loaded, which is much of the boot's time under nested emulation.
for device in /sys/bus/pci/devices/*; do
  modprobe -q "$(cat "$device/modalias")"
done
# The devices of a virtio transport are on a bus of their own.
for device in /sys/bus/virtio/devices/*; do
  if [ -e "$device" ]; then modprobe -q "$(cat "$device/modalias")"; fi
done
[ -d /sys/class/scsi_host ] && modprobe -q sd_mod
[ -d /sys/class/mmc_host ] && modprobe -q mmc_block

# PCI address and driver of what a class entry belongs to: the last PCI function on its path.
pci_of() { readlink -f "$1" | grep -o '[0-9a-f]\{4\}:[0-9a-f]\{2\}:[0-9a-f]\{2\}\.[0-9a-f]' | tail -n 1; }
driver_of() {
  if [ -e "$1/driver" ]; then basename "$(readlink "$1/driver")"; else echo none; fi
}

list_disks() {
  for block in /sys/block/sd* /sys/block/nvme* /sys/block/vd* /sys/block/mmcblk?; do
    if [ -e "$block" ]; then basename "$block"; fi
  done
}
# Disks appear after their driver has scanned: wait for as many as the command line promises.
promised=$(asked disks)
tries=0
while [ "$(list_disks | wc -l)" -lt "${promised:-0}" ] && [ "$tries" -lt 300 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
[ "$(list_disks | wc -l)" -ge "${promised:-0}" ] || fail disks

report_pci() {
  device=$1
  id="$(cut -c 3- "$device/vendor"):$(cut -c 3- "$device/device")"
  class=$(cut -c 3- "$device/class")
  report "pci address=$(basename "$device") id=$id class=$class driver=$(driver_of "$device") irq=$(cat "$device/irq")"
}
report_disk() {
  block=/sys/block/$1
  pci=$(pci_of "$block")
  bytes=$(($(cat "$block/size") * 512))
  report "disk name=$1 pci=$pci driver=$(driver_of "/sys/bus/pci/devices/$pci") bytes=$bytes read_only=$(cat "$block/ro")"
}
for device in /sys/bus/pci/devices/*; do report_pci "$device"; done
for disk in $(list_disks); do report_disk "$disk"; done

# The first N bytes of a disk, for each N.
read_disk() {
  for size in $(asked read); do
    bytes=$(to_bytes "$size")
    started=$(now_ms)
    sum=$(dd "if=/dev/$1" bs=64K count="$bytes" iflag=count_bytes 2>/dev/null | sha256sum | cut -d ' ' -f 1)
    report "read disk=$1 bytes=$bytes sha256=$sum milliseconds=$(($(now_ms) - started))"
  done
}
for disk in $(list_disks); do read_disk "$disk"; done

# A pattern that the host can make again (its line names the disk's PCI address), then what the disk gives back without the cache.
pattern() { yes "bulkhead $1" | head -c "$2"; }
for request in $(asked write); do
  bytes=$(to_bytes "${request%@*}")
  offset=$(to_bytes "${request#*@}")
  for disk in $(list_disks); do
    if [ "$(cat "/sys/block/$disk/ro")" = 1 ]; then continue; fi
    pci=$(pci_of "/sys/block/$disk")
    sum=$(pattern "$pci" "$bytes" | sha256sum | cut -d ' ' -f 1)
    pattern "$pci" "$bytes" | dd of="/dev/$disk" bs=64K iflag=fullblock seek=$((offset / 65536)) conv=notrunc,fsync 2>/dev/null || fail "write-$disk"
    report "write disk=$disk offset=$offset bytes=$bytes sha256=$sum"
    echo 3 >/proc/sys/vm/drop_caches
    back=$(dd "if=/dev/$disk" bs=64K skip=$((offset / 65536)) count="$bytes" iflag=count_bytes 2>/dev/null | sha256sum | cut -d ' ' -f 1)
    report "verify disk=$disk offset=$offset bytes=$bytes sha256=$back"
    [ "$sum" = "$back" ] || fail "verify-$disk"
  done
done

# Each bulkhead.net goes to one interface, in the order of their PCI addresses.
interfaces() {
  for net in /sys/class/net/*; do
    if [ -e "$net/device" ]; then echo "$(pci_of "$net") $(basename "$net")"; fi
  done | sort | cut -d ' ' -f 2
}
number=0
for request in $(asked net); do
  number=$((number + 1))
  interface=$(interfaces | sed -n "${number}p")
  address=${request%,*}
  peer=${request#*,}
  if [ -z "$interface" ]; then
    fail "net-$number"
    continue
  fi
  ip addr add "$address" dev "$interface" && ip link set "$interface" up || fail "net-$interface"
  # The carrier may take a moment; after that every lost packet counts.
  tries=0
  until [ "$(cat "/sys/class/net/$interface/carrier")" = 1 ] || [ "$tries" -ge 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  # 1400 bytes of payload: nearly a full frame, so that descriptors and DMA of a packet are exercised, not only a short header.
  counts=$(ping -c 20 -i 0.1 -s 1400 -w 20 "$peer" | sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) .*/sent=\1 received=\2/p')
  pci=$(pci_of "/sys/class/net/$interface")
  report "net name=$interface pci=$pci driver=$(driver_of "/sys/bus/pci/devices/$pci") $counts"
done

# Sum over the CPUs for each interrupt that a driver has asked for; the words after the kind of trigger are its users.
report_interrupts() {
  awk 'NR == 1 { cpus = NF; next }
    $1 ~ /^[0-9]+:$/ {
      count = 0
      for (field = 2; field <= cpus + 1; field++) count += $field
      users = $0
      if (sub(/^.*-?(edge|fasteoi|level) */, "", users) == 0 || users == "") next
      gsub(/,? +/, ",", users)
      print "bulkhead: interrupts irq=" substr($1, 1, length($1) - 1) " count=" count " users=" users
    }' /proc/interrupts
}

# Disks that are added while this runs, one after the other, each reported and read like those of the boot; then it must go again.
added_device() {
  for device in /sys/bus/pci/devices/*; do
    case " $known " in *" $(basename "$device") "*) ;; *) basename "$device" ;; esac
  done | head -n 1
}
disk_of() {
  for disk in $(list_disks); do
    if [ "$(pci_of "/sys/block/$disk")" = "$1" ]; then echo "$disk"; fi
  done
}
# Whoever adds and removes devices has two minutes for each.
wait_for() {
  tries=0
  until "$@" || [ "$tries" -ge 600 ]; do
    sleep 0.2
    tries=$((tries + 1))
  done
  "$@"
}
is_added() { [ -n "$(added_device)" ]; }
has_disk() { [ -n "$(disk_of "$1")" ]; }
is_gone() { [ ! -e "/sys/bus/pci/devices/$1" ]; }
known=$(ls /sys/bus/pci/devices | tr '\n' ' ')
hotplug=$(asked hotplug)
number=0
while [ "$number" -lt "${hotplug:-0}" ]; do
  number=$((number + 1))
  report "awaiting device=$number"
  wait_for is_added || { fail "hotplug-$number"; break; }
  address=$(added_device)
  modprobe -q "$(cat "/sys/bus/pci/devices/$address/modalias")"
  modprobe -q sd_mod
  wait_for has_disk "$address" || { fail "hotplug-disk-$number"; break; }
  disk=$(disk_of "$address")
  report_pci "/sys/bus/pci/devices/$address"
  report_disk "$disk"
  read_disk "$disk"
  report_interrupts
  report "served address=$address"
  wait_for is_gone "$address" || { fail "hotplug-removal-$number"; break; }
  report "removed address=$address"
done

report_interrupts
report "end status=$status"
poweroff -f
