#include "shared_mapping.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstring>

#include "unique_fd.h"

namespace bulkhead {
namespace {

template <typename Number>
std::uint64_t load_as(const unsigned char* place) {
  return __atomic_load_n(reinterpret_cast<const Number*>(place), __ATOMIC_SEQ_CST);
}

template <typename Number>
void store_as(unsigned char* place, std::uint64_t value) {
  __atomic_store_n(reinterpret_cast<Number*>(place), static_cast<Number>(value), __ATOMIC_SEQ_CST);
}

}  // namespace

KernelResult inspect_memory_file(int fd, MemoryFile& file) {
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return KernelResult::failed("fstat");
  struct statfs filesystem {};
  if (fstatfs(fd, &filesystem) != 0) return KernelResult::failed("fstatfs");
  file.size_bytes = static_cast<std::uint64_t>(facts.st_size);
  file.seals = fcntl(fd, F_GET_SEALS);
  file.is_page_cache = S_ISREG(facts.st_mode) && filesystem.f_type == TMPFS_MAGIC;
  return KernelResult::of(0);
}

KernelResult make_sealed_memory(const char* name, std::uint64_t size_bytes) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return KernelResult::failed("memfd_create");
  if (ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) return KernelResult::failed("ftruncate");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return KernelResult::failed("fcntl F_ADD_SEALS");
  return KernelResult::of(fd.release());
}

KernelResult SharedMapping::open(int fd, std::uint64_t offset, std::uint64_t size_bytes,
                                 std::unique_ptr<SharedMapping>& mapping) {
  void* base = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (base == MAP_FAILED) return KernelResult::failed("mmap");
  // A core dump or a child of ours is no place for a guest's memory. Best effort: both are settled elsewhere as well.
  madvise(base, size_bytes, MADV_DONTDUMP);
  madvise(base, size_bytes, MADV_DONTFORK);
  mapping.reset(new SharedMapping(static_cast<unsigned char*>(base), size_bytes));
  return KernelResult::of(0);
}

SharedMapping::~SharedMapping() { munmap(base_, size_bytes_); }

bool SharedMapping::read(std::uint64_t offset, void* target, std::size_t size) const {
  if (!holds(offset, size)) return false;
  std::memcpy(target, base_ + offset, size);
  return true;
}

bool SharedMapping::write(std::uint64_t offset, const void* source, std::size_t size) {
  if (!holds(offset, size)) return false;
  std::memcpy(base_ + offset, source, size);
  return true;
}

bool SharedMapping::load(std::uint64_t offset, unsigned width, std::uint64_t& value) const {
  if (!holds(offset, width) || offset % width != 0) return false;
  const unsigned char* place = base_ + offset;
  switch (width) {
    case 1:
      value = load_as<std::uint8_t>(place);
      return true;
    case 2:
      value = load_as<std::uint16_t>(place);
      return true;
    case 4:
      value = load_as<std::uint32_t>(place);
      return true;
    case 8:
      value = load_as<std::uint64_t>(place);
      return true;
    default:
      return false;
  }
}

bool SharedMapping::store(std::uint64_t offset, unsigned width, std::uint64_t value) {
  if (!holds(offset, width) || offset % width != 0) return false;
  unsigned char* place = base_ + offset;
  switch (width) {
    case 1:
      store_as<std::uint8_t>(place, value);
      return true;
    case 2:
      store_as<std::uint16_t>(place, value);
      return true;
    case 4:
      store_as<std::uint32_t>(place, value);
      return true;
    case 8:
      store_as<std::uint64_t>(place, value);
      return true;
    default:
      return false;
  }
}

}  // namespace bulkhead
