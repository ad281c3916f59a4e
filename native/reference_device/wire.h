// The proxy/remote protocol as bytes: docs/protocol.md.
#pragma once

#include <cstdint>

namespace bulkhead {

enum class Command : std::int32_t {
  sync_sysmem,
  ret,
  config_write,
  config_read,
  bar_write,
  bar_read,
  set_irqfd,
  device_reset,
};
constexpr std::uint32_t commands = 8;

struct Header {
  std::int32_t command;
  std::uint32_t reserved;
  std::uint64_t size;
};
static_assert(sizeof(Header) == 16);

constexpr std::uint32_t region_places = 8;
constexpr std::uint32_t regions_max = region_places - 1;

struct SyncSysmem {
  std::uint64_t address[region_places];
  std::uint64_t size[region_places];
  std::int64_t offset[region_places];
};
static_assert(sizeof(SyncSysmem) == 192);

struct ConfigAccess {
  std::uint32_t address;
  std::uint32_t value;
  std::int32_t length;
};
static_assert(sizeof(ConfigAccess) == 12);

struct BarAccess {
  std::uint64_t address;
  std::uint64_t value;
  std::uint32_t size;
  std::uint8_t memory;
  std::uint8_t reserved[3];
};
static_assert(sizeof(BarAccess) == 24);

union Payload {
  SyncSysmem regions;
  ConfigAccess config;
  BarAccess bar;
};

constexpr std::uint64_t all_ones = ~std::uint64_t{0};

}  // namespace bulkhead
