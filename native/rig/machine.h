// A KVM machine without firmware and devices: in-kernel interrupt controllers, memory of a file, one CPU in real mode.
//
// Calls throw std::system_error that names the ioctl. Not for use by two threads, but for the CPU's own.
#pragma once

#include <linux/kvm.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <thread>

#include "unique_fd.h"

namespace bulkhead {

// A range of the guest's memory: `offset` in the file.
struct MemorySlot {
  std::uint32_t index;
  std::uint64_t address;
  std::uint64_t size;
  std::uint64_t offset;
};

// Where a guest's write rings an eventfd.
struct Doorbell {
  bool port;
  std::uint64_t address;
  std::uint32_t size;
};

class Machine {
 public:
  // `memory_fd` is mapped as a whole, and stays the caller's.
  explicit Machine(int memory_fd);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Gives the slot this place; a slot that is elsewhere moves. A size of 0 removes it.
  void place_memory(const MemorySlot& slot);
  void bind_doorbell(int eventfd, const Doorbell& doorbell, bool bound);
  // `resample_fd` below 0: edge triggered.
  void bind_interrupt(int eventfd, std::uint32_t gsi, int resample_fd, bool bound);
  // Until then each GSI leads to the pin of its number.
  void route_to_pin(std::uint32_t gsi, std::uint32_t pin);
  void route_to_message(std::uint32_t gsi, std::uint8_t vector);
  // A level-triggered pin of the IO-APIC raises this vector.
  void set_pin(std::uint32_t pin, std::uint8_t vector);

  // Starts the CPU at 0:`entry`.
  void start(std::uint16_t entry);
  // KVM_RUN has come back to user space so often.
  std::uint64_t exits() const { return exits_; }
  // Why the CPU does not run any more: an exit reason, or minus an errno. 0 while it runs.
  int stopped_by() const { return stopped_by_; }
  std::uint64_t frequency_khz() const { return frequency_khz_; }

  int vm() const { return vm_.get(); }
  int cpu() const { return cpu_.get(); }

 private:
  UniqueFd kvm_, vm_, cpu_;
  void* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  kvm_run* run_ = nullptr;
  std::size_t run_bytes_ = 0;
  std::uint64_t frequency_khz_ = 0;
  std::map<std::uint32_t, kvm_irq_routing_entry> routes_;
  std::thread thread_;
  std::atomic<std::uint64_t> exits_{0};
  std::atomic<int> stopped_by_{0};

  void set_routes();
  void set_cpu_features();
  void enter_real_mode(std::uint16_t entry);
  void run_cpu();
};

}  // namespace bulkhead
