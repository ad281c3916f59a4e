// The KVM rig: a machine whose devices are processes elsewhere. Whoever starts it gives it the guest's memory and eventfds, and
// gives the same to those processes; the descriptors of the VM and its CPU stay here.
//
//     kvm_rig MEMORY_FD
//
// Reads one order a line, numbers with 0x for hexadecimal, and answers each with "ok VALUE" or "refused ERROR CALL":
//
//     slot INDEX ADDRESS SIZE OFFSET     places memory, moves it, or with SIZE 0 removes it
//     ring port|memory ADDRESS SIZE FD   a guest's write there rings the eventfd; unring: not any more
//     irq FD GSI RESAMPLE_FD|-1          the eventfd raises the interrupt; unirq: not any more
//     pin GSI PIN | message GSI VECTOR   where an interrupt leads
//     vector PIN VECTOR                  what the pin raises, by level
//     start ENTRY                        lets the CPU run, in real mode
//     exits | stopped | khz              how often it came to user space; why it does not run (0: it runs); its cycles a
//     millisecond foreign                            the errno with which KVM refuses another process that holds the VM and its
//     CPU; 0: it does not
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "machine.h"

namespace {

using bulkhead::Machine;

std::uint64_t number(std::istream& words) {
  std::string word;
  if (!(words >> word)) throw std::invalid_argument("a number is missing");
  return std::stoull(word, nullptr, 0);
}

// -1 too.
int descriptor(std::istream& words) {
  std::string word;
  if (!(words >> word)) throw std::invalid_argument("a descriptor is missing");
  return std::stoi(word);
}

void ring(Machine& machine, std::istream& words, bool bound) {
  std::string kind;
  words >> kind;
  const std::uint64_t address = number(words);
  const auto size = static_cast<std::uint32_t>(number(words));
  machine.bind_doorbell(descriptor(words), {kind == "port", address, size}, bound);
}

void interrupt(Machine& machine, std::istream& words, bool bound) {
  const int eventfd = descriptor(words);
  const auto gsi = static_cast<std::uint32_t>(number(words));
  machine.bind_interrupt(eventfd, gsi, descriptor(words), bound);
}

// A child has these descriptors and another address space, as a device process would that was given them.
std::uint64_t ask_as_another(const Machine& machine) {
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    const int of_vm = ioctl(machine.vm(), KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) < 0 ? errno : 0;
    const int of_cpu = ioctl(machine.cpu(), KVM_RUN, 0) < 0 ? errno : 0;
    _exit(of_vm == of_cpu ? of_vm : 0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::system_error(errno, std::generic_category(), "waitpid");
  return static_cast<std::uint64_t>(WEXITSTATUS(status));
}

std::uint64_t obey(Machine& machine, std::istream& words) {
  std::string order;
  words >> order;
  if (order == "slot") {
    const auto index = static_cast<std::uint32_t>(number(words));
    const std::uint64_t address = number(words);
    const std::uint64_t size = number(words);
    machine.place_memory({index, address, size, number(words)});
  } else if (order == "ring" || order == "unring") {
    ring(machine, words, order == "ring");
  } else if (order == "irq" || order == "unirq") {
    interrupt(machine, words, order == "irq");
  } else if (order == "pin") {
    const auto gsi = static_cast<std::uint32_t>(number(words));
    machine.route_to_pin(gsi, static_cast<std::uint32_t>(number(words)));
  } else if (order == "message") {
    const auto gsi = static_cast<std::uint32_t>(number(words));
    machine.route_to_message(gsi, static_cast<std::uint8_t>(number(words)));
  } else if (order == "vector") {
    const auto pin = static_cast<std::uint32_t>(number(words));
    machine.set_pin(pin, static_cast<std::uint8_t>(number(words)));
  } else if (order == "start") {
    machine.start(static_cast<std::uint16_t>(number(words)));
  } else if (order == "exits") {
    return machine.exits();
  } else if (order == "stopped") {
    return static_cast<std::uint64_t>(machine.stopped_by());
  } else if (order == "khz") {
    return machine.frequency_khz();
  } else if (order == "foreign") {
    return ask_as_another(machine);
  } else {
    throw std::invalid_argument("unknown order: " + order);
  }
  return 0;
}

int serve(Machine& machine) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    try {
      const std::uint64_t value = obey(machine, words);
      std::cout << "ok " << static_cast<std::int64_t>(value) << std::endl;
    } catch (const std::system_error& error) {
      std::cout << "refused " << error.code().value() << " " << error.what() << std::endl;
    } catch (const std::logic_error& error) {
      std::cerr << "kvm_rig: " << line << ": " << error.what() << std::endl;
      return 2;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: kvm_rig MEMORY_FD" << std::endl;
    return 2;
  }
  int status = 1;
  try {
    Machine machine(std::stoi(argv[1]));
    std::cout << "ok 0" << std::endl;
    status = serve(machine);
    // The CPU's thread ends with the process, and not before.
    std::cout.flush();
    _exit(status);
  } catch (const std::system_error& error) {
    std::cout << "refused " << error.code().value() << " " << error.what() << std::endl;
  }
  return status;
}
