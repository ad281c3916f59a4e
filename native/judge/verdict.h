// What the judge of an image answers: one fixed struct, read by src/machine/image_verdict.ts.
#pragma once

#include <cstdint>

namespace bulkhead {

// What is wrong with an image. The order is the wire format; src/machine/image_verdict.ts words each.
enum class Fault : std::uint32_t {
  none,
  unreadable,      // A read failed, or the file ends within its header.
  not_qcow2,       // No magic number.
  version,         // Neither 2 nor 3.
  cluster_bits,    // Outside 9 to 21.
  virtual_size,    // Beyond what an offset can name.
  header_length,   // Shorter than version 3's, longer than a cluster, or no multiple of 8.
  features,        // An incompatible feature that QEMU does not know.
  corrupt,         // Marked corrupt by whoever wrote it last.
  compression,     // A compression type that QEMU does not know, or one that lacks its feature bit.
  refcount_order,  // More than 64 bits for each count.
  refcount_table,  // Not aligned, larger than 8 MiB, or beyond the end of the file.
  refcount_entry,  // An entry of it that is not aligned, or beyond the end of the file.
  l1_table,        // Not aligned, larger than 32 MiB, smaller than the disk needs, or beyond the end of the file.
  l1_entry,        // An entry of it that is not aligned, or beyond the end of the file.
  overlap,         // Two of header, L1 table, refcount table and snapshot table share a cluster.
  snapshots,       // More than 65536, or a table that is not aligned or beyond the end of the file.
  snapshot_entry,  // An entry that is larger than QEMU takes, or that names an L1 table as above.
  extension,       // A header extension that runs beyond the header's cluster, or stands twice.
  bitmaps,         // A bitmap directory of another size than it says, or beyond the end of the file.
  backing_name,    // A backing file name beyond the header's cluster, longer than 1023 bytes, or with a NUL.
};

// Longest name of a backing file, in bytes: docs/interop/qcow2.rst.
constexpr std::uint32_t backing_name_max = 1023;
// "BHV1" in memory order.
constexpr std::uint32_t verdict_magic = 0x31564842;

constexpr std::uint32_t names_backing = 1U << 0;
constexpr std::uint32_t names_data_file = 1U << 1;
constexpr std::uint32_t is_encrypted = 1U << 2;

// Host byte order; no padding.
struct Verdict {
  std::uint32_t magic = verdict_magic;
  Fault fault = Fault::none;
  // Where in the file, and which value stands there.
  std::uint64_t offset = 0;
  std::uint64_t value = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint32_t flags = 0;
  std::uint32_t backing_name_bytes = 0;
  char backing_name[backing_name_max + 1] = {};
};
static_assert(sizeof(Verdict) == 40 + backing_name_max + 1);

}  // namespace bulkhead
