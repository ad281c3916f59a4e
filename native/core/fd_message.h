// Bytes and any number of file descriptors over a UNIX stream socket. Neither side ever waits.
#pragma once

#include <cstddef>
#include <vector>

#include "kernel_result.h"
#include "unique_fd.h"

namespace bulkhead {

// SCM_MAX_FD: include/net/scm.h. As many fds as one message can carry.
constexpr std::size_t message_fds_max = 253;

// What one recvmsg brought. The kernel never joins the fds of two messages: a read ends after bytes that fds came with.
struct Received {
  std::vector<UniqueFd> fds;  // Close-on-exec.
  bool lost_fds = false;      // MSG_CTRUNC: there were more than this process may open.
};

// Sends what fits of `size` bytes; the fds go with the first byte. The number of bytes sent; EAGAIN when nothing fits.
KernelResult send_message(int socket_fd, const void* data, std::size_t size, const std::vector<int>& fds);

// Receives at most `size` bytes. Their number, 0 at the end of the connection; EAGAIN when none wait.
KernelResult receive_message(int socket_fd, void* data, std::size_t size, Received& received);

}  // namespace bulkhead
