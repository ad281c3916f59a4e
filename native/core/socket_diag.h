// What the kernel tells of a UNIX socket that this process does not hold: sock_diag(7).
#pragma once

#include <cstdint>

#include "kernel_result.h"

namespace bulkhead {

// Opens a netlink socket for questions about sockets of this process's network namespace: the one in which they were made,
// whoever holds them now. Returns its fd.
KernelResult open_socket_diag();

// Bytes that wait unread in the UNIX stream socket with inode `inode`. ENOENT when there is none: nobody holds it any more.
KernelResult unread_bytes(int diag_fd, std::uint32_t inode);

}  // namespace bulkhead
