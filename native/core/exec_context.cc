#include "exec_context.h"

#include <fcntl.h>

#include <cerrno>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

long write_attribute(const char* path, const char* context) {
  const long fd = raw_syscall(SYS_openat, AT_FDCWD, as_argument(path), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fd;
  const long length = length_of(context) + 1;
  const long written = raw_syscall(SYS_write, fd, as_argument(context), length);
  raw_syscall(SYS_close, fd);
  return written < 0 || written == length ? written : -EIO;
}

}  // namespace

long set_exec_context(const char* context) { return write_attribute("/proc/thread-self/attr/exec", context); }

long set_current_context(const char* context) { return write_attribute("/proc/thread-self/attr/current", context); }

}  // namespace bulkhead
