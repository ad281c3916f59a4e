#pragma once

#include <cerrno>

namespace bulkhead {

// Outcome of one call to the kernel: a value, or the name of the call and its errno.
struct KernelResult {
  long value = 0;
  const char* call = nullptr;
  int error = 0;

  bool ok() const { return call == nullptr; }
  static KernelResult of(long value) { return {value, nullptr, 0}; }
  static KernelResult failed(const char* call, int error = errno) { return {-1, call, error}; }
};

}  // namespace bulkhead
