#include "mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "raw_syscall.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

KernelResult result_of(const char* call, long r) {
  return r < 0 ? KernelResult::failed(call, static_cast<int>(-r)) : KernelResult::of(r);
}

KernelResult set_attributes(int fd, std::uint64_t attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  return result_of("mount_setattr",
                   raw_syscall(SYS_mount_setattr, fd, as_argument(""), AT_EMPTY_PATH, as_argument(&attr), sizeof attr));
}

}  // namespace

KernelResult clone_tree_read_only(const std::string& path) {
  const long tree =
      raw_syscall(SYS_open_tree, AT_FDCWD, as_argument(path.c_str()), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
  if (tree < 0) return KernelResult::failed("open_tree", static_cast<int>(-tree));
  UniqueFd fd(static_cast<int>(tree));
  if (KernelResult r = set_attributes(fd.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV); !r.ok()) return r;
  return KernelResult::of(fd.release());
}

KernelResult make_tmpfs(std::uint64_t size_bytes, const std::string& selinux_context) {
  const long context = raw_syscall(SYS_fsopen, as_argument("tmpfs"), FSOPEN_CLOEXEC);
  if (context < 0) return KernelResult::failed("fsopen", static_cast<int>(-context));
  UniqueFd filesystem(static_cast<int>(context));
  const std::string size = std::to_string(size_bytes);
  auto configure = [&](int command, const char* key, const char* value) {
    return raw_syscall(SYS_fsconfig, filesystem.get(), command, as_argument(key), as_argument(value), 0);
  };
  if (long r = configure(FSCONFIG_SET_STRING, "size", size.c_str()); r < 0) return result_of("fsconfig", r);
  if (long r = configure(FSCONFIG_SET_STRING, "mode", "0755"); r < 0) return result_of("fsconfig", r);
  // One label for all that is made in it; nobody can give a file in it another.
  if (!selinux_context.empty()) {
    if (long r = configure(FSCONFIG_SET_STRING, "context", selinux_context.c_str()); r < 0) return result_of("fsconfig", r);
  }
  if (long r = configure(FSCONFIG_CMD_CREATE, nullptr, nullptr); r < 0) return result_of("fsconfig", r);
  return result_of("fsmount", raw_syscall(SYS_fsmount, filesystem.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
}

KernelResult seal_tmpfs(int mount_fd) {
  return set_attributes(mount_fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

KernelResult make_node(int directory_fd, const NodeRequest& node) {
  const char* name = node.name.c_str();
  if (mknodat(directory_fd, name, S_IFCHR | 0600, makedev(node.major, node.minor)) != 0) return KernelResult::failed("mknodat");
  if (fchownat(directory_fd, name, node.user, node.group, AT_SYMLINK_NOFOLLOW) != 0) return KernelResult::failed("fchownat");
  // After chown, which may clear mode bits; the umask does not apply to chmod.
  if (fchmodat(directory_fd, name, node.mode, 0) != 0) return KernelResult::failed("fchmodat");
  return KernelResult::of(0);
}

}  // namespace bulkhead
