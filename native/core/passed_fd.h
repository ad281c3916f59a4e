// Messages over a UNIX socket, each with at most one file descriptor.
#pragma once

#include <cstddef>

#include "kernel_result.h"
#include "unique_fd.h"

namespace bulkhead {

// Sends `size` bytes, and `fd` with them unless it is -1. Never waits: EAGAIN when the peer does not read.
KernelResult send_with_fd(int socket_fd, const void* data, std::size_t size, int fd);

// Receives one message of at most `size` bytes; the result is its length, 0 at the end of the connection. `fd` is the
// descriptor that came with it, close-on-exec, or empty. More than one, or a message that does not fit, is EMSGSIZE.
KernelResult receive_with_fd(int socket_fd, void* data, std::size_t size, UniqueFd& fd);

// The uid of whoever connected the socket, or made the pair.
KernelResult peer_uid(int socket_fd);

}  // namespace bulkhead
