#include "kvm_probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "unique_fd.h"

namespace bulkhead {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::uint64_t guest_address = 0x1000;
constexpr std::uint16_t probe_port = 0x10;
constexpr std::uint8_t probe_value = 0x42;
// mov al, 0x42; out 0x10, al; hlt
constexpr std::uint8_t guest_code[] = {0xb0, probe_value, 0xe6, probe_port, 0xf4};

class Mapping {
 public:
  Mapping(std::size_t size, int flags, int fd)
      : size_(size), address_(mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)) {}
  ~Mapping() {
    if (address_ != MAP_FAILED) munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  void* get() const { return address_ == MAP_FAILED ? nullptr : address_; }

 private:
  std::size_t size_;
  void* address_;
};

KernelResult add_memory(int vm, void* memory) {
  kvm_userspace_memory_region region{};
  region.guest_phys_addr = guest_address;
  region.memory_size = page_bytes;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory);
  return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0 ? KernelResult::of(0)
                                                             : KernelResult::failed("KVM_SET_USER_MEMORY_REGION");
}

KernelResult bind_irqfd(int vm) {
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return KernelResult::failed("eventfd");
  kvm_irqfd irqfd{};
  irqfd.fd = static_cast<std::uint32_t>(event.get());
  irqfd.gsi = 5;  // Any pin of the PIC that no legacy device of an empty machine drives.
  return ioctl(vm, KVM_IRQFD, &irqfd) == 0 ? KernelResult::of(0) : KernelResult::failed("KVM_IRQFD");
}

KernelResult enter_real_mode(int vcpu) {
  kvm_sregs special{};
  if (ioctl(vcpu, KVM_GET_SREGS, &special) != 0) return KernelResult::failed("KVM_GET_SREGS");
  special.cs.base = 0;
  special.cs.selector = 0;
  if (ioctl(vcpu, KVM_SET_SREGS, &special) != 0) return KernelResult::failed("KVM_SET_SREGS");
  kvm_regs registers{};
  registers.rip = guest_address;
  registers.rflags = 2;  // Bit 1 of RFLAGS is always set.
  return ioctl(vcpu, KVM_SET_REGS, &registers) == 0 ? KernelResult::of(0) : KernelResult::failed("KVM_SET_REGS");
}

KernelResult run_guest(int vcpu, const kvm_run* run) {
  // A signal of this process, a profiler's for one, ends KVM_RUN early; the guest goes on where it was.
  while (ioctl(vcpu, KVM_RUN, 0) != 0) {
    if (errno != EINTR) return KernelResult::failed("KVM_RUN");
  }
  const bool wrote_port = run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT && run->io.port == probe_port;
  if (!wrote_port) return KernelResult::failed("KVM_RUN", EPROTO);
  const auto* written = reinterpret_cast<const std::uint8_t*>(run) + run->io.data_offset;
  return *written == probe_value ? KernelResult::of(0) : KernelResult::failed("KVM_RUN", EPROTO);
}

}  // namespace

KernelResult probe_kvm() {
  UniqueFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) return KernelResult::failed("open /dev/kvm");
  const int version = ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  if (version < 0) return KernelResult::failed("KVM_GET_API_VERSION");
  UniqueFd vm(ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!vm) return KernelResult::failed("KVM_CREATE_VM");
  if (ioctl(vm.get(), KVM_CREATE_IRQCHIP, 0) != 0) return KernelResult::failed("KVM_CREATE_IRQCHIP");
  const Mapping memory(page_bytes, MAP_SHARED | MAP_ANONYMOUS, -1);
  if (memory.get() == nullptr) return KernelResult::failed("mmap");
  std::memcpy(memory.get(), guest_code, sizeof guest_code);
  if (KernelResult r = add_memory(vm.get(), memory.get()); !r.ok()) return r;
  if (KernelResult r = bind_irqfd(vm.get()); !r.ok()) return r;
  UniqueFd vcpu(ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  if (!vcpu) return KernelResult::failed("KVM_CREATE_VCPU");
  const int run_bytes = ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_bytes < 0) return KernelResult::failed("KVM_GET_VCPU_MMAP_SIZE");
  const Mapping run(static_cast<std::size_t>(run_bytes), MAP_SHARED, vcpu.get());
  if (run.get() == nullptr) return KernelResult::failed("mmap");
  if (KernelResult r = enter_real_mode(vcpu.get()); !r.ok()) return r;
  if (KernelResult r = run_guest(vcpu.get(), static_cast<const kvm_run*>(run.get())); !r.ok()) return r;
  return KernelResult::of(version);
}

}  // namespace bulkhead
