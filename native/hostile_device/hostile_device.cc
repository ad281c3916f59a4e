// A device process that was taken over, for the compliance suite: the reference device at QEMU's place in a role's private root.
// It speaks QEMU's start protocol, serves its device as a good one does, and tries what it is told through BAR 1: acts.h.
// Without "x-remote" among its arguments it stands in the VMM's place, and is told by its monitor: monitor_acts.h.
#include <poll.h>

#include "acts.h"
#include "device.h"
#include "guest_memory.h"
#include "monitor.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

// DEVICE_FDS of src/plan/arguments.ts.
constexpr int channel_fd = 4;
// PCI Local Bus Specification 3.0, 6.2.5.
constexpr std::uint32_t bar1_register = 0x14;

std::uint32_t bar1 = 0;

bool is_bar1_register(const ConfigAccess& access) { return access.address == bar1_register && access.length == 4; }

std::uint64_t serve_config(const Message& message) {
  const ConfigAccess& access = message.payload.config;
  if (!is_bar1_register(access)) return access_config(message);
  if (message.command == Command::config_read) return bar1;
  bar1 = access.value & ~(acts_bytes - 1);
  return 0;
}

std::uint64_t serve_bar(const Message& message) {
  const BarAccess& access = message.payload.bar;
  const bool fits = access.size > 0 && access.size <= sizeof access.value;
  const bool acts = fits && bar1 != 0 && access.address >= bar1 && access.address - bar1 <= acts_bytes - access.size;
  if (!acts) return access_bar(message);
  const auto place = static_cast<std::uint32_t>(access.address - bar1);
  if (message.command == Command::bar_read) return read_acts(place, access.size);
  write_acts(place, access.size, access.value);
  return 0;
}

void serve(const Message& message) {
  count_message(message);
  switch (message.command) {
    case Command::sync_sysmem:
      return map_guest_memory(message, Seals::unasked);
    case Command::set_irqfd:
      return bind_interrupt(message);
    case Command::config_read:
    case Command::config_write:
      return reply(serve_config(message));
    case Command::bar_read:
    case Command::bar_write:
      return reply(serve_bar(message));
    case Command::device_reset:
      reset_device();
      return reply_without_value();
    case Command::ret:
      return;  // Refused where it was received.
  }
}

bool is_same(const char* text, const char* other) {
  while (*text != '\0' && *text == *other) {
    ++text;
    ++other;
  }
  return *text == *other;
}

bool is_device(char** arguments) {
  for (; *arguments != nullptr; ++arguments) {
    if (is_same(*arguments, "x-remote")) return true;
  }
  return false;
}

}  // namespace
}  // namespace bulkhead

// The kernel enters with the count of arguments on top of a stack that is aligned for a call.
asm(".globl _start\n"
    "_start:\n"
    "  xorl %ebp, %ebp\n"
    "  leaq 8(%rsp), %rdi\n"
    "  call bulkhead_hostile_device\n");

extern "C" [[noreturn, gnu::used]] void bulkhead_hostile_device(char** arguments) {
  using namespace bulkhead;
  const int channel = is_device(arguments) ? channel_fd : -1;
  use_channel(channel);
  reset_device();
  greet();
  Message message;
  for (;;) {
    // A negative fd is not waited for.
    pollfd waits[] = {{channel, POLLIN, 0}, {resample_fd(), POLLIN, 0}, {monitor_fd, POLLIN, 0}};
    raw_syscall(SYS_poll, as_argument(waits), 3, -1);
    if ((waits[1].revents & POLLIN) != 0) resample();
    if (waits[2].revents != 0 && !answer_monitor()) raw_syscall(SYS_exit_group, 0);
    if (waits[0].revents == 0) continue;
    receive(message);
    serve(message);
  }
}
