#include "messages.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "fd_message.h"
#include "shared_mapping.h"
#include "wire.h"

namespace bulkhead {
namespace {

constexpr std::uint64_t page_bytes = 4096;
// Where the device's window is put, and its registers for DMA: native/reference_device/device.h.
constexpr std::uint32_t window = 0xe0000000;
constexpr std::uint32_t window_bytes = 4096;
constexpr std::array<std::uint32_t, 6> dma_registers = {0x40, 0x48, 0x50, 0x54, 0x58, 0x68};
constexpr std::array<std::uint32_t, 4> config_registers = {0x04, 0x10, 0x3c, 0x2c};
constexpr std::array<std::int32_t, 3> config_lengths = {1, 2, 4};

template <typename Payload>
Piece piece_of(Command command, const Payload& payload) {
  const Header header{static_cast<std::int32_t>(command), 0, sizeof payload};
  Piece piece;
  piece.bytes.resize(sizeof header + sizeof payload);
  std::memcpy(piece.bytes.data(), &header, sizeof header);
  std::memcpy(piece.bytes.data() + sizeof header, &payload, sizeof payload);
  return piece;
}

Piece piece_of(Command command) {
  const Header header{static_cast<std::int32_t>(command), 0, 0};
  Piece piece;
  piece.bytes.resize(sizeof header);
  std::memcpy(piece.bytes.data(), &header, sizeof header);
  return piece;
}

Piece config_access(Random& random) {
  ConfigAccess access{};
  access.length = config_lengths[random.below(config_lengths.size())];
  access.address = random.one_in(2) ? config_registers[random.below(config_registers.size())]
                                    : static_cast<std::uint32_t>(random.below(257 - static_cast<std::uint64_t>(access.length)));
  const bool writes = random.one_in(2);
  access.value = static_cast<std::uint32_t>(random.next());
  // Mostly open and in its place, or nothing behind the window would be reached.
  if (access.address == 0x04 && !random.one_in(8)) access.value |= 6;
  if (access.address == 0x10 && !random.one_in(8)) access = {0x10, window, 4};
  return piece_of(writes ? Command::config_write : Command::config_read, access);
}

std::uint64_t guest_address(Random& random) {
  return random.one_in(8) ? random.next() : random.below((file_pages + 1) * page_bytes);
}

Piece bar_access(Random& random) {
  BarAccess access{};
  access.size = 1U << random.below(4);
  access.memory = static_cast<std::uint8_t>(random.one_in(16) ? 0 : 1 + random.below(255));
  access.value = random.one_in(2) ? guest_address(random) : random.below(4);
  // Beyond the window's end too: what no BAR claims entirely is answered.
  const auto place = random.one_in(2) ? dma_registers[random.below(dma_registers.size())]
                                      : static_cast<std::uint32_t>(random.below(window_bytes + access.size));
  access.address = access.memory == 0 ? random.below(0x10001 - access.size) : window + place;
  if (access.memory != 0 && random.one_in(16)) access.address = random.next() % (all_ones - 16);
  return piece_of(random.one_in(2) ? Command::bar_write : Command::bar_read, access);
}

// Regions of one page and more, in any order, with and without gaps.
Piece share_memory(Random& random, const Fds& fds) {
  SyncSysmem regions{};
  const std::uint64_t count = 1 + random.below(regions_max);
  std::array<std::uint32_t, regions_max> order{};
  for (std::uint32_t index = 0; index < count; ++index) order[index] = index;
  for (std::uint64_t index = count; index > 1; --index) std::swap(order[index - 1], order[random.below(index)]);
  std::uint64_t address = random.below(3) * page_bytes;
  for (std::uint64_t index = 0; index < count; ++index) {
    const std::uint64_t pages = 1 + random.below(8);
    const std::uint32_t place = order[index];
    regions.address[place] = address;
    regions.size[place] = pages * page_bytes;
    regions.offset[place] = static_cast<std::int64_t>(random.below(file_pages - pages + 1) * page_bytes);
    address += (pages + random.below(2)) * page_bytes;
  }
  Piece piece = piece_of(Command::sync_sysmem, regions);
  piece.fds.assign(count, fds.memory.get());
  return piece;
}

// A value at which something ends.
std::uint64_t edge(Random& random) {
  const std::array<std::uint64_t, 8> edges = {
      0, 4, 256, page_bytes, 0x10000, std::uint64_t{1} << 32, std::uint64_t{1} << 63, all_ones};
  return edges[random.below(edges.size())] + random.below(9) - 4;
}

// One field of a message on an edge.
void put_edge(Random& random, Piece& piece) {
  const std::uint64_t value = edge(random);
  const std::size_t width = random.one_in(2) ? 4 : 8;
  const std::size_t place = 4 * random.below((piece.bytes.size() - width) / 4 + 1);
  std::memcpy(piece.bytes.data() + place, &value, width);
}

int any_fd(Random& random, const Fds& fds) {
  const std::array<int, 6> kinds = {fds.memory.get(),   fds.unsealed.get(), fds.irq.get(),
                                    fds.resample.get(), fds.nothing.get(),  fds.folder.get()};
  return kinds[random.below(kinds.size())];
}

}  // namespace

Fds::Fds() {
  memory = UniqueFd(static_cast<int>(make_sealed_memory("flood", file_pages * page_bytes).value));
  unsealed = UniqueFd(memfd_create("flood-unsealed", MFD_CLOEXEC));
  irq = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  resample = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  nothing = UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC));
  folder = UniqueFd(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool made = memory && unsealed && irq && resample && nothing && folder;
  if (!made || ftruncate(unsealed.get(), static_cast<off_t>(file_pages * page_bytes)) != 0) std::abort();
}

Piece first_message() { return piece_of(Command::config_read, ConfigAccess{0, 0, 4}); }

Piece good_message(Random& random, const Fds& fds) {
  const std::uint64_t kind = random.below(64);
  if (kind == 0) return piece_of(Command::device_reset);
  if (kind == 1) {
    Piece piece = piece_of(Command::set_irqfd);
    piece.fds = {fds.irq.get(), fds.resample.get()};
    return piece;
  }
  if (kind < 4) return share_memory(random, fds);
  return kind < 20 ? config_access(random) : bar_access(random);
}

bool is_answered(const Piece& message) {
  std::int32_t command = 0;
  std::memcpy(&command, message.bytes.data(), sizeof command);
  return command != static_cast<std::int32_t>(Command::sync_sysmem) && command != static_cast<std::int32_t>(Command::set_irqfd);
}

Piece bad_message(Random& random, const Fds& fds) {
  Piece piece = good_message(random, fds);
  switch (random.below(8)) {
    case 0:
      for (unsigned char& byte : piece.bytes) byte = static_cast<unsigned char>(random.next());
      break;
    case 1:
      piece.bytes.resize(1 + random.below(piece.bytes.size() + 64));
      break;
    case 2:
      // Around as many as a message may have, as few, or up to what the kernel carries.
      piece.fds.assign(random.one_in(2) ? regions_max - 1 + random.below(4) : random.below(message_fds_max + 1), -1);
      for (int& fd : piece.fds) fd = any_fd(random, fds);
      break;
    case 3:
      for (std::uint64_t changes = 1 + random.below(6); changes > 0; --changes)
        piece.bytes[random.below(piece.bytes.size())] = static_cast<unsigned char>(random.one_in(2) ? 0xff : random.next());
      break;
    default:
      put_edge(random, piece);
  }
  return piece;
}

}  // namespace bulkhead
