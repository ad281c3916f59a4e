// Guest memory by guest physical address.
#pragma once

#include "channel.h"

namespace bulkhead {

// Roles of QEMU's may not ask for seals.
enum class Seals : bool { unasked, required };

// Maps the regions of a sync-sysmem in place of those before and closes its fds. Leaves the process when one is not allowed.
void map_guest_memory(const Message& message, Seals seals);

// Copies within guest memory, across regions that touch. False, with nothing copied: a part of it is not there.
bool copy_guest_memory(std::uint64_t source, std::uint64_t destination, std::uint64_t size);

}  // namespace bulkhead
