#include "device.h"

#include <sys/stat.h>
#include <unistd.h>

#include "guest_memory.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

// Configuration space: PCI Local Bus Specification 3.0, 6.1 and 6.2.
constexpr std::uint32_t config_bytes = 256;
constexpr std::uint32_t command_register = 0x04;
constexpr std::uint32_t status_register = 0x06;
constexpr std::uint32_t bar0_register = 0x10;
constexpr std::uint32_t interrupt_line_register = 0x3c;
constexpr std::uint16_t command_memory = 0x0002;
constexpr std::uint16_t command_master = 0x0004;
constexpr std::uint16_t command_no_interrupt = 0x0400;
constexpr std::uint8_t status_interrupt = 0x08;

constexpr std::uint64_t last_port = 0xffff;

constexpr std::uint32_t window_bytes = 4096;
constexpr std::uint32_t magic = 0x44524842;
constexpr std::uint32_t scratch = 0x08;
constexpr std::uint32_t scratch_end = 0x40;
constexpr std::uint32_t dma_source = 0x40;
constexpr std::uint32_t dma_destination = 0x48;
constexpr std::uint32_t dma_length = 0x50;
constexpr std::uint32_t dma_control = 0x54;
constexpr std::uint32_t dma_status = 0x58;
constexpr std::uint32_t doorbell = 0x60;
constexpr std::uint32_t line_control = 0x68;
constexpr std::uint32_t message_counts = 0x100;
constexpr std::uint32_t fd_count = 0x140;
constexpr std::uint32_t resample_count = 0x148;
constexpr std::uint64_t dma_length_max = 1024 * 1024;
constexpr std::uint32_t dma_done = 1;
constexpr std::uint32_t dma_failed = 2;

alignas(8) unsigned char config[config_bytes];
alignas(8) unsigned char window[window_bytes];
bool line_is_high = false;
int irq = -1;
int resampled = -1;

template <typename Number>
Number get(const unsigned char* bytes, std::uint32_t place) {
  Number number;
  __builtin_memcpy(&number, bytes + place, sizeof number);
  return number;
}

template <typename Number>
void put(unsigned char* bytes, std::uint32_t place, Number number) {
  __builtin_memcpy(bytes + place, &number, sizeof number);
}

void add(std::uint32_t place, std::uint64_t amount) { put(window, place, get<std::uint64_t>(window, place) + amount); }

// A VMM that makes its eventfd blocking and full stops this process: its own device, and nobody else's.
void signal_interrupt() {
  const bool masked = (get<std::uint16_t>(config, command_register) & command_no_interrupt) != 0;
  if (!line_is_high || masked || irq < 0) return;
  const std::uint64_t one = 1;
  raw_syscall(SYS_write, irq, as_argument(&one), sizeof one);
}

void settle_line() {
  const bool was_high = line_is_high;
  line_is_high = get<std::uint32_t>(window, dma_status) != 0 || get<std::uint32_t>(window, line_control) != 0;
  config[status_register] = line_is_high ? status_interrupt : 0;
  if (line_is_high && !was_high) signal_interrupt();
}

void copy_by_dma() {
  const std::uint64_t length = get<std::uint32_t>(window, dma_length);
  const bool master = (get<std::uint16_t>(config, command_register) & command_master) != 0;
  const bool copied =
      master && length <= dma_length_max &&
      copy_guest_memory(get<std::uint64_t>(window, dma_source), get<std::uint64_t>(window, dma_destination), length);
  put(window, dma_status, copied ? dma_done : dma_failed);
}

void write_register(std::uint32_t place, std::uint32_t size, std::uint64_t value) {
  const bool plain = (place >= scratch && place + size <= scratch_end) || (place >= dma_source && place + size <= dma_control);
  if (plain) {
    for (std::uint32_t index = 0; index < size; ++index) window[place + index] = static_cast<unsigned char>(value >> (8 * index));
  } else if (place == dma_control && value == 1) {
    copy_by_dma();
  } else if (place == dma_status) {
    put(window, dma_status, get<std::uint32_t>(window, dma_status) & ~static_cast<std::uint32_t>(value));
  } else if (place == doorbell) {
    add(doorbell, 1);
  } else if (place == line_control) {
    put(window, line_control, static_cast<std::uint32_t>(value & 1));
  }
  settle_line();
}

std::uint64_t read_bytes(const unsigned char* bytes, std::uint32_t size) {
  std::uint64_t value = 0;
  for (std::uint32_t index = 0; index < size; ++index) value |= static_cast<std::uint64_t>(bytes[index]) << (8 * index);
  return value;
}

// Eventfds have an inode without a type, as few other files do. A socket or memory in their place would be read and written.
bool is_anonymous(int fd) {
  struct stat facts {};
  return raw_syscall(SYS_fstat, fd, as_argument(&facts)) == 0 && (facts.st_mode & S_IFMT) == 0;
}

// Which bits of a byte of configuration space can be written.
unsigned char writable(std::uint32_t place) {
  switch (place) {
    case command_register:
      return command_memory | command_master;
    case command_register + 1:
      return command_no_interrupt >> 8;
    case bar0_register + 1:
      return 0xf0;  // Above the 4096 bytes of the window.
    case bar0_register + 2:
    case bar0_register + 3:
    case interrupt_line_register:
      return 0xff;
    default:
      return 0;
  }
}

}  // namespace

void reset_device() {
  // 1234h is no vendor's: it stands in for one in examples and tests, QEMU's own among them.
  constexpr std::uint32_t ids = 0xb0d01234;
  constexpr std::uint32_t class_and_revision = 0xff000001;  // FFh: fits no other class.
  for (unsigned char& byte : config) byte = 0;
  for (std::uint32_t place = 0; place < message_counts; ++place) window[place] = 0;
  put(config, 0x00, ids);
  put(config, 0x08, class_and_revision);
  put(config, 0x2c, ids);
  config[0x3d] = 1;  // INTA.
  put(window, 0, magic);
  settle_line();
}

void count_message(const Message& message) {
  add(message_counts + 8 * static_cast<std::uint32_t>(message.command), 1);
  add(fd_count, message.fd_count);
}

std::uint64_t access_config(const Message& message) {
  const ConfigAccess& access = message.payload.config;
  const bool known = access.length == 1 || access.length == 2 || access.length == 4;
  if (!known) refuse("len must be 1, 2 or 4");
  const auto length = static_cast<std::uint32_t>(access.length);
  if (access.address > config_bytes - length) refuse("addr must leave len bytes within configuration space");
  if (message.command == Command::config_read) return read_bytes(config + access.address, length);
  const bool was_masked = (get<std::uint16_t>(config, command_register) & command_no_interrupt) != 0;
  for (std::uint32_t index = 0; index < length; ++index) {
    unsigned char& byte = config[access.address + index];
    const unsigned char mask = writable(access.address + index);
    byte = static_cast<unsigned char>((byte & ~mask) | (static_cast<unsigned char>(access.value >> (8 * index)) & mask));
  }
  if (was_masked) signal_interrupt();
  return 0;
}

std::uint64_t access_bar(const Message& message) {
  const BarAccess& access = message.payload.bar;
  const bool known = access.size == 1 || access.size == 2 || access.size == 4 || access.size == 8;
  if (!known) refuse("size must be 1, 2, 4 or 8");
  const std::uint64_t last = access.memory != 0 ? all_ones : last_port;
  if (access.address > last - (access.size - 1)) refuse("addr must leave size bytes within addresses or ports");
  const bool reads = message.command == Command::bar_read;
  const std::uint64_t base = get<std::uint32_t>(config, bar0_register);
  const bool open = access.memory != 0 && (get<std::uint16_t>(config, command_register) & command_memory) != 0 && base != 0;
  if (!open || access.address < base || access.address - base > window_bytes - access.size)
    return reads ? all_ones >> (64 - 8 * access.size) : 0;
  const auto place = static_cast<std::uint32_t>(access.address - base);
  if (reads) return read_bytes(window + place, access.size);
  write_register(place, access.size, access.value);
  return 0;
}

void bind_interrupt(const Message& message) {
  if (irq >= 0) {
    raw_syscall(SYS_close, irq);
    raw_syscall(SYS_close, resampled);
  }
  for (std::uint32_t index = 0; index < message.fd_count; ++index)
    if (!is_anonymous(message.fds[index])) refuse("irqfd and resamplefd must be eventfds");
  irq = message.fds[0];
  resampled = message.fds[1];
  signal_interrupt();
}

int resample_fd() { return resampled; }

void resample() {
  std::uint64_t count = 0;
  if (raw_syscall(SYS_read, resampled, as_argument(&count), sizeof count) != sizeof count) return;
  add(resample_count, 1);
  signal_interrupt();
}

}  // namespace bulkhead
