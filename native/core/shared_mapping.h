// Memory shared with another process by a file of memfd_create(2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernel_result.h"

namespace bulkhead {

struct MemoryFile {
  std::uint64_t size_bytes = 0;
  int seals = 0;               // F_SEAL_*; -1: a file that has no seals.
  bool is_page_cache = false;  // On tmpfs, where memfds are; not on hugetlbfs, whose pages can be short.
};

KernelResult inspect_memory_file(int fd, MemoryFile& file);

// A sealed memfd of `size_bytes`: it can neither grow nor shrink. The fd.
KernelResult make_sealed_memory(const char* name, std::uint64_t size_bytes);

// A part of such a file. Every access states its place and is refused when it is not inside.
class SharedMapping {
 public:
  // `offset` is a multiple of the page size. The caller keeps `fd`.
  static KernelResult open(int fd, std::uint64_t offset, std::uint64_t size_bytes, std::unique_ptr<SharedMapping>& mapping);
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;

  // False: not inside.
  bool read(std::uint64_t offset, void* target, std::size_t size) const;
  bool write(std::uint64_t offset, const void* source, std::size_t size);
  // One access of 1, 2, 4 or 8 bytes, at a multiple of its size: the other process never sees half of it.
  bool load(std::uint64_t offset, unsigned width, std::uint64_t& value) const;
  bool store(std::uint64_t offset, unsigned width, std::uint64_t value);

 private:
  SharedMapping(unsigned char* base, std::uint64_t size_bytes) : base_(base), size_bytes_(size_bytes) {}
  bool holds(std::uint64_t offset, std::uint64_t size) const { return size <= size_bytes_ && offset <= size_bytes_ - size; }

  unsigned char* base_;
  std::uint64_t size_bytes_;
};

}  // namespace bulkhead
