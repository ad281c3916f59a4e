#include "memfd_noexec.h"

#include <fcntl.h>

#include <cerrno>

#include "raw_syscall.h"

namespace bulkhead {

long set_memfd_noexec(std::uint64_t level) {
  const long fd = raw_syscall(SYS_openat, AT_FDCWD, as_argument("/proc/sys/vm/memfd_noexec"), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fd;
  // Levels have one digit.
  const char written = static_cast<char>('0' + level);
  long result = raw_syscall(SYS_write, fd, as_argument(&written), 1);
  char read = 0;
  if (result == 1) result = raw_syscall(SYS_pread64, fd, as_argument(&read), 1, 0);
  raw_syscall(SYS_close, fd);
  if (result < 0) return result;
  return read == written ? 0 : -EPROTO;
}

}  // namespace bulkhead
