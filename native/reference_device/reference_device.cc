// The smallest device process there can be: without libc and without a relocation; a dozen system calls, which
// policies/roles/reference-device.yaml names. Fd 3 is its channel. It ends with its VMM.
#include <poll.h>

#include "device.h"
#include "guest_memory.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

constexpr int channel_fd = 3;

void serve(const Message& message) {
  count_message(message);
  switch (message.command) {
    case Command::sync_sysmem:
      map_guest_memory(message, Seals::required);
      return;
    case Command::set_irqfd:
      bind_interrupt(message);
      return;
    case Command::config_read:
    case Command::config_write:
      reply(access_config(message));
      return;
    case Command::bar_read:
    case Command::bar_write:
      reply(access_bar(message));
      return;
    case Command::device_reset:
      reset_device();
      reply_without_value();
      return;
    case Command::ret:
      return;  // Refused where it was received.
  }
}

}  // namespace
}  // namespace bulkhead

// The kernel enters with a stack aligned for a call, which a function would take for one after it.
asm(".globl _start\n"
    "_start:\n"
    "  xorl %ebp, %ebp\n"
    "  call bulkhead_reference_device\n");

extern "C" [[noreturn, gnu::used]] void bulkhead_reference_device() {
  using namespace bulkhead;
  reset_device();
  Message message;
  for (;;) {
    // A negative fd is not waited for.
    pollfd waits[] = {{channel_fd, POLLIN, 0}, {resample_fd(), POLLIN, 0}};
    raw_syscall(SYS_poll, as_argument(waits), 2, -1);
    if ((waits[1].revents & POLLIN) != 0) resample();
    if (waits[0].revents == 0) continue;
    receive(message);
    serve(message);
  }
}
