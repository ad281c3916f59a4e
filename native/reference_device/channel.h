// The device's end of the channel: one message at a time, waiting for it.
#pragma once

#include "wire.h"

namespace bulkhead {

struct Message {
  Command command;
  Payload payload;
  // The receiver's to close. A message of a valid command has as many as it must.
  int fds[regions_max];
  std::uint32_t fd_count;
};

// The fd of the channel; 3 until this is called, as whoever starts the reference device gives it.
void use_channel(int fd);

// The next message, checked but for the fields of its payload. Leaves the process when the VMM has closed or breaks the protocol.
void receive(Message& message);

void reply(std::uint64_t value);
void reply_without_value();

// Leaves the process with exit status 1 and the rule that was broken on standard error.
[[noreturn]] void refuse(const char* rule);

}  // namespace bulkhead
