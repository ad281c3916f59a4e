#include "notified_calls.h"

#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace bulkhead {
namespace {

// Several times what Linux 6.18 has (80 and 24 bytes); the structs may grow: seccomp(2), SECCOMP_GET_NOTIF_SIZES.
constexpr std::size_t struct_bytes = 512;
// Nothing is allocated after the confinement.
alignas(8) std::array<char, struct_bytes> request_bytes;
alignas(8) std::array<char, struct_bytes> response_bytes;

}  // namespace

bool notifications_fit() {
  seccomp_notif_sizes sizes{};
  return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 && sizes.seccomp_notif <= struct_bytes &&
         sizes.seccomp_notif_resp <= struct_bytes;
}

void refuse_next_call(int listener_fd) {
  std::fill(request_bytes.begin(), request_bytes.end(), '\0');
  auto& request = *reinterpret_cast<seccomp_notif*>(request_bytes.data());
  // ENOENT: the caller was killed meanwhile.
  if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;
  std::fill(response_bytes.begin(), response_bytes.end(), '\0');
  auto& response = *reinterpret_cast<seccomp_notif_resp*>(response_bytes.data());
  response.id = request.id;
  response.error = -EPERM;
  ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace bulkhead
