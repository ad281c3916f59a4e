#include "open_files.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "raw_syscall.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

// The index of an interface, or a failure: TUNSETIFF would silently create what does not exist.
KernelResult interface_index(const std::string& name) {
  UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd) return KernelResult::failed("socket");
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (ioctl(socket_fd.get(), SIOCGIFINDEX, &request) != 0) return KernelResult::failed("SIOCGIFINDEX");
  return KernelResult::of(request.ifr_ifindex);
}

}  // namespace

KernelResult open_beneath(const OpenRequest& request) {
  open_how how{};
  how.flags = request.flags | O_CLOEXEC;
  how.mode = request.mode;
  how.resolve = request.resolve;
  const long fd =
      raw_syscall(SYS_openat2, request.directory_fd, as_argument(request.path.c_str()), as_argument(&how), sizeof how);
  return fd < 0 ? KernelResult::failed("openat2", static_cast<int>(-fd)) : KernelResult::of(fd);
}

KernelResult open_tap(const std::string& name, const std::string& node) {
  const KernelResult before = interface_index(name);
  if (!before.ok()) return before;
  UniqueFd tap(open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap) return KernelResult::failed("open");
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  // QEMU asks the fd for its flags (TUNGETIFF) and copes with either; with the header it can offload checksums.
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tap.get(), TUNSETIFF, &request) != 0) return KernelResult::failed("TUNSETIFF");
  // Deleted and re-created between the two calls: then the interface is ours, not the operator's, and goes with the fd.
  const KernelResult after = interface_index(name);
  if (!after.ok()) return after;
  return after.value == before.value ? KernelResult::of(tap.release()) : KernelResult::failed("TUNSETIFF", ENODEV);
}

}  // namespace bulkhead
