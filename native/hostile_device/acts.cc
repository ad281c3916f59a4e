#include "acts.h"

#include <poll.h>

#include <bit>
#include <cstddef>

#include "monitor.h"
#include "raw_syscall.h"

namespace bulkhead {
namespace {

constexpr std::uint64_t magic = 0x43414842;
constexpr std::uint32_t page_bytes = 4096;
constexpr std::uint32_t arguments_max = 6;

struct Registers {
  std::uint64_t magic;
  std::uint64_t number;
  std::uint64_t arguments[arguments_max];
  std::uint64_t repeats;
  std::uint64_t act;
  std::int64_t answer;
  std::uint64_t succeeded;
  std::uint64_t data_address;
};

struct Window {
  Registers registers;
  unsigned char unused[page_bytes - sizeof(Registers)];
  unsigned char data[page_bytes];
};
static_assert(sizeof(Window) == acts_bytes);

alignas(page_bytes) Window window;

unsigned char* bytes() { return reinterpret_cast<unsigned char*>(&window); }

bool makes_process(std::uint64_t number) {
  return number == SYS_fork || number == SYS_vfork || number == SYS_clone || number == SYS_clone3;
}

// Until whoever started the parent has gone, or has ended it: then nothing of a suite is left, whatever held no namespace.
[[noreturn]] void wait_as_child() {
  pollfd wait{monitor_fd, 0, 0};
  while (wait.revents == 0) raw_syscall(SYS_poll, as_argument(&wait), 1, -1);
  for (;;) raw_syscall(SYS_exit_group, 0);
}

long call_once() {
  const auto pass = [](std::uint32_t index) { return static_cast<long>(window.registers.arguments[index]); };
  const long answer = raw_syscall(static_cast<long>(window.registers.number), pass(0), pass(1), pass(2), pass(3), pass(4), pass(5));
  // It must not serve the channel beside its parent.
  if (answer == 0 && makes_process(window.registers.number)) wait_as_child();
  return answer;
}

void call() {
  Registers& registers = window.registers;
  registers.succeeded = 0;
  do {
    registers.answer = call_once();
    if (registers.answer < 0 && registers.answer >= -4095) return;
    ++registers.succeeded;
  } while (registers.succeeded < registers.repeats);
}

void perform(Act act) {
  switch (act) {
    case Act::call:
      return call();
    case Act::load:
      window.registers.answer = *std::bit_cast<volatile std::int64_t*>(window.registers.arguments[0]);
      return;
    case Act::store:
      *std::bit_cast<volatile std::uint64_t*>(window.registers.arguments[0]) = window.registers.arguments[1];
      window.registers.answer = 0;
      return;
    case Act::jump:
      std::bit_cast<void (*)()>(window.registers.arguments[0])();
      window.registers.answer = 0;
      return;
    case Act::spin:
      for (;;) asm volatile("pause");
  }
}

}  // namespace

std::uint64_t read_acts(std::uint32_t place, std::uint32_t size) {
  window.registers.magic = magic;
  window.registers.data_address = std::bit_cast<std::uint64_t>(&window.data);
  std::uint64_t value = 0;
  __builtin_memcpy(&value, bytes() + place, size);
  return value;
}

void write_acts(std::uint32_t place, std::uint32_t size, std::uint64_t value) {
  __builtin_memcpy(bytes() + place, &value, size);
  if (place == offsetof(Window, registers) + offsetof(Registers, act)) perform(static_cast<Act>(value));
}

}  // namespace bulkhead
