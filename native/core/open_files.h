// Files and interfaces that the launcher opens on behalf of confined processes.
#pragma once

#include <cstdint>
#include <string>

#include "kernel_result.h"

namespace bulkhead {

struct OpenRequest {
  int directory_fd = -1;
  std::string path;
  std::uint64_t flags = 0;    // O_*
  std::uint64_t resolve = 0;  // RESOLVE_*
  std::uint64_t mode = 0;     // With O_CREAT only: openat2 refuses it otherwise.
};
// openat2; always close-on-exec. Returns an fd.
KernelResult open_beneath(const OpenRequest& request);

// Attaches to the existing tap interface `name` through the device `node` and returns its queue fd. Never creates an interface:
// ENODEV when absent.
KernelResult open_tap(const std::string& name, const std::string& node);

}  // namespace bulkhead
