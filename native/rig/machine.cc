#include "machine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

namespace bulkhead {
namespace {

// Interrupts of an empty machine: 24 pins of the IO-APIC, as KVM_CREATE_IRQCHIP makes it.
constexpr std::uint32_t pins = 24;
// The local APIC of CPU 0, fixed delivery to a physical id: Intel SDM volume 3, 11.11.1.
constexpr std::uint32_t message_address = 0xfee00000;
// EXTD of IA32_APIC_BASE: registers are MSRs, which real mode reaches. Intel SDM volume 3, 11.12.1.
constexpr std::uint64_t x2apic_mode = 1U << 10;
// Entries that KVM_GET_SUPPORTED_CPUID may need; some 50 are in use.
constexpr std::size_t cpuid_entries_max = 256;
// More than any test asks for: the pins, and a few messages.
constexpr std::size_t route_entries_max = 64;

// struct kvm_cpuid2 and struct kvm_irq_routing as the kernel has them. In C++ the header's own are larger, for
// __DECLARE_FLEX_ARRAY puts an empty struct before their entries, and so are the numbers of the ioctls that take them.
struct TableHeader {
  std::uint32_t count;
  std::uint32_t reserved;
};

template <typename Entry, std::size_t max>
struct Table {
  std::uint32_t count;
  std::uint32_t reserved;
  Entry entries[max];
};
static_assert(sizeof(Table<kvm_irq_routing_entry, 1>) == sizeof(TableHeader) + sizeof(kvm_irq_routing_entry));
static_assert(sizeof(Table<kvm_cpuid_entry2, 1>) == sizeof(TableHeader) + sizeof(kvm_cpuid_entry2));

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

template <typename... Argument>
int checked(const char* what, int fd, unsigned long request, Argument... argument) {
  const int result = ioctl(fd, request, argument...);
  if (result < 0) fail(what);
  return result;
}

}  // namespace

Machine::Machine(int memory_fd) : kvm_(open("/dev/kvm", O_RDWR | O_CLOEXEC)) {
  if (!kvm_) fail("open /dev/kvm");
  vm_ = UniqueFd(checked("KVM_CREATE_VM", kvm_.get(), KVM_CREATE_VM, 0));
  checked("KVM_CREATE_IRQCHIP", vm_.get(), KVM_CREATE_IRQCHIP, 0);
  cpu_ = UniqueFd(checked("KVM_CREATE_VCPU", vm_.get(), KVM_CREATE_VCPU, 0));
  run_bytes_ = static_cast<std::size_t>(checked("KVM_GET_VCPU_MMAP_SIZE", kvm_.get(), KVM_GET_VCPU_MMAP_SIZE, 0));
  void* run = mmap(nullptr, run_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, cpu_.get(), 0);
  if (run == MAP_FAILED) fail("mmap of the CPU");
  run_ = static_cast<kvm_run*>(run);
  // Now: the CPU's descriptor answers nobody while it runs.
  frequency_khz_ = static_cast<std::uint64_t>(checked("KVM_GET_TSC_KHZ", cpu_.get(), KVM_GET_TSC_KHZ, 0));
  struct stat facts {};
  if (fstat(memory_fd, &facts) != 0) fail("fstat of the memory");
  memory_bytes_ = static_cast<std::size_t>(facts.st_size);
  memory_ = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
  if (memory_ == MAP_FAILED) fail("mmap of the memory");
  for (std::uint32_t pin = 0; pin < pins; ++pin) {
    kvm_irq_routing_entry entry{};
    entry.gsi = pin;
    entry.type = KVM_IRQ_ROUTING_IRQCHIP;
    entry.u.irqchip = {KVM_IRQCHIP_IOAPIC, pin};
    routes_[pin] = entry;
  }
}

// The CPU's thread runs for as long as the process does: a machine ends with it.
Machine::~Machine() {
  if (thread_.joinable()) thread_.detach();
  munmap(memory_, memory_bytes_);
  munmap(run_, run_bytes_);
}

void Machine::place_memory(const MemorySlot& slot) {
  if (slot.offset + slot.size > memory_bytes_)
    throw std::system_error(EINVAL, std::generic_category(), "a slot beyond the memory");
  kvm_userspace_memory_region region{};
  region.slot = slot.index;
  region.guest_phys_addr = slot.address;
  region.memory_size = slot.size;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory_) + slot.offset;
  checked("KVM_SET_USER_MEMORY_REGION", vm_.get(), KVM_SET_USER_MEMORY_REGION, &region);
}

void Machine::bind_doorbell(int eventfd, const Doorbell& doorbell, bool bound) {
  kvm_ioeventfd binding{};
  binding.addr = doorbell.address;
  binding.len = doorbell.size;
  binding.fd = eventfd;
  binding.flags = (doorbell.port ? 1U << kvm_ioeventfd_flag_nr_pio : 0U) | (bound ? 0U : 1U << kvm_ioeventfd_flag_nr_deassign);
  checked("KVM_IOEVENTFD", vm_.get(), KVM_IOEVENTFD, &binding);
}

void Machine::bind_interrupt(int eventfd, std::uint32_t gsi, int resample_fd, bool bound) {
  kvm_irqfd binding{};
  binding.fd = static_cast<std::uint32_t>(eventfd);
  binding.gsi = gsi;
  if (!bound) binding.flags = KVM_IRQFD_FLAG_DEASSIGN;
  if (bound && resample_fd >= 0) {
    binding.flags = KVM_IRQFD_FLAG_RESAMPLE;
    binding.resamplefd = static_cast<std::uint32_t>(resample_fd);
  }
  checked("KVM_IRQFD", vm_.get(), KVM_IRQFD, &binding);
}

void Machine::route_to_pin(std::uint32_t gsi, std::uint32_t pin) {
  // One GSI for each pin: at an end of interrupt KVM looks for the resamplefds of the last that leads there, and of no other.
  std::erase_if(routes_, [pin](const auto& route) {
    return route.second.type == KVM_IRQ_ROUTING_IRQCHIP && route.second.u.irqchip.pin == pin;
  });
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip = {KVM_IRQCHIP_IOAPIC, pin};
  routes_[gsi] = entry;
  set_routes();
}

void Machine::route_to_message(std::uint32_t gsi, std::uint8_t vector) {
  kvm_irq_routing_entry entry{};
  entry.gsi = gsi;
  entry.type = KVM_IRQ_ROUTING_MSI;
  entry.u.msi.address_lo = message_address;
  entry.u.msi.data = vector;
  routes_[gsi] = entry;
  set_routes();
}

void Machine::set_routes() {
  Table<kvm_irq_routing_entry, route_entries_max> table{};
  for (const auto& [gsi, entry] : routes_) table.entries[table.count++] = entry;
  checked("KVM_SET_GSI_ROUTING", vm_.get(), _IOW(KVMIO, 0x6a, TableHeader), &table);
}

void Machine::set_pin(std::uint32_t pin, std::uint8_t vector) {
  kvm_irqchip chip{};
  chip.chip_id = KVM_IRQCHIP_IOAPIC;
  checked("KVM_GET_IRQCHIP", vm_.get(), KVM_GET_IRQCHIP, &chip);
  auto& entry = chip.chip.ioapic.redirtbl[pin];
  entry.bits = 0;
  entry.fields.vector = vector;
  entry.fields.trig_mode = 1;  // By level.
  checked("KVM_SET_IRQCHIP", vm_.get(), KVM_SET_IRQCHIP, &chip);
}

void Machine::set_cpu_features() {
  Table<kvm_cpuid_entry2, cpuid_entries_max> features{};
  features.count = cpuid_entries_max;
  checked("KVM_GET_SUPPORTED_CPUID", kvm_.get(), _IOWR(KVMIO, 0x05, TableHeader), &features);
  checked("KVM_SET_CPUID2", cpu_.get(), _IOW(KVMIO, 0x90, TableHeader), &features);
}

void Machine::enter_real_mode(std::uint16_t entry) {
  kvm_sregs special{};
  checked("KVM_GET_SREGS", cpu_.get(), KVM_GET_SREGS, &special);
  special.cs.base = 0;
  special.cs.selector = 0;
  special.apic_base |= x2apic_mode;
  checked("KVM_SET_SREGS", cpu_.get(), KVM_SET_SREGS, &special);
  kvm_regs registers{};
  registers.rip = entry;
  registers.rflags = 2;  // Bit 1 of RFLAGS is always set.
  checked("KVM_SET_REGS", cpu_.get(), KVM_SET_REGS, &registers);
}

void Machine::start(std::uint16_t entry) {
  set_cpu_features();
  enter_real_mode(entry);
  thread_ = std::thread([this] { run_cpu(); });
}

void Machine::run_cpu() {
  for (;;) {
    if (ioctl(cpu_.get(), KVM_RUN, 0) != 0 && errno != EINTR) {
      stopped_by_ = -errno;
      return;
    }
    ++exits_;
    // A port that nobody rings is the guest's way to leave.
    if (run_->exit_reason == KVM_EXIT_IO || run_->exit_reason == KVM_EXIT_INTR) continue;
    if (run_->exit_reason == KVM_EXIT_MMIO) continue;
    stopped_by_ = static_cast<int>(run_->exit_reason);
    return;
  }
}

}  // namespace bulkhead
