// The judge of an image: a program of its own, so that no tenant's file is parsed by the launcher. Without libc and without
// a relocation; execve, read, lseek, pread64, write and exit_group are all it ever calls (policies/roles/image-judge.yaml).
//
// Fd 3 is the launcher: one byte out when it runs, one byte in when it has been verified, one Verdict out. Fd 4 is the image.
#include <unistd.h>

#include "qcow2.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

constexpr int launcher_fd = 3;
constexpr int image_fd = 4;
// Exit status when the launcher is gone or the image has no size; the launcher words it by the missing verdict.
constexpr int failed = 1;

[[noreturn]] void leave(int status) {
  for (;;) raw_syscall(SYS_exit_group, status);
}

bool read_image(const ImageSource&, std::uint64_t offset, void* buffer, std::size_t size) {
  auto* place = static_cast<unsigned char*>(buffer);
  while (size > 0) {
    const long got = raw_syscall(SYS_pread64, image_fd, as_argument(place), static_cast<long>(size), static_cast<long>(offset));
    if (got <= 0) return false;
    place += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

void tell(const void* bytes, std::size_t size) {
  const auto* place = static_cast<const unsigned char*>(bytes);
  while (size > 0) {
    const long sent = raw_syscall(SYS_write, launcher_fd, as_argument(place), static_cast<long>(size));
    if (sent <= 0) leave(failed);
    place += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

Workspace workspace;
Verdict verdict;

}  // namespace
}  // namespace bulkhead

// The kernel enters with a stack aligned for a call, which a function would take for one after it.
asm(".globl _start\n"
    "_start:\n"
    "  xorl %ebp, %ebp\n"
    "  call bulkhead_judge\n");

extern "C" [[noreturn, gnu::used]] void bulkhead_judge() {
  using namespace bulkhead;
  const char ready = 'r';
  tell(&ready, 1);
  char go = 0;
  if (raw_syscall(SYS_read, launcher_fd, as_argument(&go), 1) != 1) leave(failed);
  const long size = raw_syscall(SYS_lseek, image_fd, 0, SEEK_END);
  if (size < 0) leave(failed);
  const ImageSource source{read_image, nullptr, static_cast<std::uint64_t>(size)};
  judge_qcow2(source, workspace, verdict);
  tell(&verdict, sizeof verdict);
  leave(0);
}
