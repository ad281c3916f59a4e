#include "guest_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bit>

#include "raw_syscall.h"

namespace bulkhead {
namespace {

constexpr std::uint64_t page_bytes = 4096;

struct Region {
  std::uint64_t address;
  std::uint64_t size;
  unsigned char* memory;
};

Region regions[regions_max];
std::uint32_t region_count = 0;

// Another holder of a file that can shrink could end this process with SIGBUS.
void check_seals(int fd) {
  constexpr long wanted = F_SEAL_SHRINK | F_SEAL_GROW;
  const long seals = raw_syscall(SYS_fcntl, fd, F_GET_SEALS);
  if (seals < 0 || (seals & wanted) != wanted) refuse("a region's file must be sealed against growing and shrinking");
}

void check_file(int fd, std::uint64_t offset, std::uint64_t size) {
  struct stat facts {};
  struct statfs filesystem {};
  if (raw_syscall(SYS_fstat, fd, as_argument(&facts)) < 0 || raw_syscall(SYS_fstatfs, fd, as_argument(&filesystem)) < 0)
    refuse("a region's fd must be a file");
  if (!S_ISREG(facts.st_mode) || filesystem.f_type != TMPFS_MAGIC) refuse("a region's file must be a memfd");
  const auto file_bytes = static_cast<std::uint64_t>(facts.st_size);
  if (size > file_bytes || offset > file_bytes - size) refuse("a region must end within its file");
}

void check_region(const SyncSysmem& wire, std::uint32_t index) {
  const std::uint64_t address = wire.address[index];
  const std::uint64_t size = wire.size[index];
  if (size == 0 || size % page_bytes != 0) refuse("a region's size must be a positive multiple of 4096");
  if (address % page_bytes != 0 || address > all_ones - (size - 1)) refuse("a region must lie on pages within 64-bit addresses");
  if (wire.offset[index] < 0 || wire.offset[index] % static_cast<std::int64_t>(page_bytes) != 0)
    refuse("a region's offset must be a multiple of 4096");
  for (std::uint32_t other = 0; other < index; ++other) {
    const bool after = address >= wire.address[other] && address - wire.address[other] < wire.size[other];
    const bool before = wire.address[other] >= address && wire.address[other] - address < size;
    if (after || before) refuse("regions must not overlap");
  }
}

void unmap_all() {
  for (; region_count > 0; --region_count) {
    const Region& region = regions[region_count - 1];
    raw_syscall(SYS_munmap, as_argument(region.memory), static_cast<long>(region.size));
  }
}

// The memory at an address, and in `left` how much of it there is in one piece; null: none.
unsigned char* find(std::uint64_t address, std::uint64_t& left) {
  for (std::uint32_t index = 0; index < region_count; ++index) {
    const Region& region = regions[index];
    if (address < region.address || address - region.address >= region.size) continue;
    left = region.size - (address - region.address);
    return region.memory + (address - region.address);
  }
  return nullptr;
}

bool is_there(std::uint64_t address, std::uint64_t size) {
  if (size > 0 && address > all_ones - (size - 1)) return false;
  while (size > 0) {
    std::uint64_t left = 0;
    if (find(address, left) == nullptr) return false;
    if (left >= size) return true;
    size -= left;
    address += left;
  }
  return true;
}

}  // namespace

void map_guest_memory(const Message& message, Seals seals) {
  const SyncSysmem& wire = message.payload.regions;
  for (std::uint32_t index = 0; index < message.fd_count; ++index) {
    check_region(wire, index);
    if (seals == Seals::required) check_seals(message.fds[index]);
    check_file(message.fds[index], static_cast<std::uint64_t>(wire.offset[index]), wire.size[index]);
  }
  unmap_all();
  for (std::uint32_t index = 0; index < message.fd_count; ++index) {
    const long memory = raw_syscall(SYS_mmap, 0, static_cast<long>(wire.size[index]), PROT_READ | PROT_WRITE, MAP_SHARED,
                                    message.fds[index], wire.offset[index]);
    if (memory < 0 && memory > -static_cast<long>(page_bytes)) refuse("a region must be mappable, readable and writable");
    regions[region_count++] = {wire.address[index], wire.size[index], std::bit_cast<unsigned char*>(memory)};
    raw_syscall(SYS_close, message.fds[index]);
  }
}

bool copy_guest_memory(std::uint64_t source, std::uint64_t destination, std::uint64_t size) {
  if (!is_there(source, size) || !is_there(destination, size)) return false;
  while (size > 0) {
    std::uint64_t source_left = 0;
    std::uint64_t destination_left = 0;
    const unsigned char* from = find(source, source_left);
    unsigned char* to = find(destination, destination_left);
    std::uint64_t part = source_left < destination_left ? source_left : destination_left;
    if (part > size) part = size;
    // The guest may write here meanwhile: each byte is read once.
    for (std::uint64_t index = 0; index < part; ++index)
      __atomic_store_n(to + index, __atomic_load_n(from + index, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    source += part;
    destination += part;
    size -= part;
  }
  return true;
}

}  // namespace bulkhead
