// Times round trips of the proxy/remote protocol with a device process, over the channel that it inherits as fd 3.
//
//     device_round_trips [BAR_REGISTER OFFSET]     a register of a memory BAR that has no side effects; without: an lsi53c895a's
//
//     stdin:  config COUNT | bar COUNT     a batch of CFG_READ or BAR_READ
//     stdout: the batch's median, in ns
//
// Speaks for the VMM: header of 16 bytes, then the payload, one outstanding command, each answered by RET.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace {

constexpr int channel = 3;

// MPQemuCmd: QEMU include/hw/remote/mpqemu-link.h.
enum Command : std::int32_t { ret = 1, pci_cfgwrite = 2, pci_cfgread = 3, bar_read = 5 };

struct Header {
  std::int32_t command;
  std::int32_t padding;
  std::uint64_t size;
};
static_assert(sizeof(Header) == 16);

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
  std::uint8_t padding[3];
};
static_assert(sizeof(BarAccess) == 24);

template <typename Payload>
struct [[gnu::packed]] Message {
  Header header;
  Payload payload;
};

// PCI Local Bus Specification 3.0, 6.1: configuration registers.
constexpr std::uint32_t vendor_register = 0x00;
constexpr std::uint32_t command_register = 0x04;
constexpr std::uint32_t command_memory_space = 0x0002;
// Of an lsi53c895a, BAR 1 is the memory window on its 1 KiB of operating registers: QEMU hw/scsi/lsi53c895a.c.
std::uint32_t bar_register = 0x14;
// Anywhere below 4 GiB and above guest RAM, of which this end gives the device none.
constexpr std::uint32_t bar_address = 0xfeb00000;
// SCRATCHA, a register without side effects: LSI53C895A technical manual, chapter 4.
std::uint32_t scratch_register = 0x34;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  _exit(1);
}

template <typename Payload>
std::uint64_t exchange(Command command, const Payload& payload) {
  const Message<Payload> request{{command, 0, sizeof(Payload)}, payload};
  if (write(channel, &request, sizeof request) != static_cast<ssize_t>(sizeof request)) give_up("write to the channel");
  Message<std::uint64_t> reply{};
  std::size_t got = 0;
  while (got < sizeof reply) {
    const ssize_t count = read(channel, reinterpret_cast<char*>(&reply) + got, sizeof reply - got);
    if (count <= 0) give_up("read from the channel");
    got += static_cast<std::size_t>(count);
  }
  if (reply.header.command != ret || reply.header.size != sizeof(std::uint64_t)) {
    std::fprintf(stderr, "device_round_trips: command %d was answered by command %d\n", command, reply.header.command);
    _exit(1);
  }
  return reply.payload;
}

void write_config(std::uint32_t address, std::uint32_t value) { exchange(pci_cfgwrite, ConfigAccess{address, value, 4}); }

std::uint64_t read_vendor() { return exchange(pci_cfgread, ConfigAccess{vendor_register, 0, 4}); }

std::uint64_t read_scratch() { return exchange(bar_read, BarAccess{bar_address + scratch_register, 0, 4, 1, {}}); }

long long now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

long long median_of_batch(std::size_t count, std::uint64_t (*round_trip)()) {
  std::vector<long long> times(count);
  for (long long& time : times) {
    const long long start = now_ns();
    round_trip();
    time = now_ns() - start;
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    bar_register = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 0));
    scratch_register = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 0));
  }
  // An access that nothing claims ends the device process, so the window must be open before the first BAR_READ.
  write_config(bar_register, bar_address);
  write_config(command_register, command_memory_space);
  char line[32];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    const bool is_config = std::strncmp(line, "config ", std::strlen("config ")) == 0;
    const char* number = std::strchr(line, ' ');
    const unsigned long count = number == nullptr ? 0 : std::strtoul(number, nullptr, 10);
    if (count == 0) return 2;
    std::printf("%lld\n", median_of_batch(count, is_config ? read_vendor : read_scratch));
    std::fflush(stdout);
  }
  return 0;
}
