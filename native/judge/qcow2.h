// Judges the metadata that QEMU reads when it opens a qcow2 image. Freestanding: no libc, no allocation, no recursion.
//
// Format: docs/interop/qcow2.rst of QEMU. Limits: those that QEMU's own driver holds images to, so that what passes here is
// refused there for no reason that a tenant controls alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "verdict.h"

namespace bulkhead {

// Where the bytes of an image come from.
struct ImageSource {
  // Reads exactly `size` bytes at `offset`; false when they are not there.
  bool (*read)(const ImageSource& source, std::uint64_t offset, void* buffer, std::size_t size);
  const void* context;
  std::uint64_t size_bytes;
};

// Buffers of the judge, too large for a stack.
struct Workspace {
  // The header's cluster, of at most 2 MiB (cluster_bits 21).
  std::uint8_t header[2 * 1024 * 1024];
  std::uint8_t chunk[64 * 1024];
};

// Fills `verdict` in place: returning it would copy a name that is rarely there.
void judge_qcow2(const ImageSource& source, Workspace& workspace, Verdict& verdict);

}  // namespace bulkhead
