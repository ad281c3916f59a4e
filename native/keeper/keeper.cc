// bulkhead-keeper: holds the launcher's ends of a VM's monitors, logs and serial console, so that a launcher that dies takes
// none of them with it. Whoever supervises the VM is connected to it; while nobody is, it reads logs and console to nowhere,
// so that no process waits for a reader. It holds no channel of the data path, opens nothing, and ends when all of these have
// hung up, which is when the VM's processes have ended. It also holds the files that consoles are written to, and the
// socket on which the kernel's audit records wait, and never touches them: whoever supervises next has them, the VM's locks on
// the files, and what the records tell of deaths that nobody saw.
//
// Arguments: names of what it holds, in the order of the fds from 4 on. Fd 3 is a listening SOCK_SEQPACKET socket.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "confine.h"
#include "passed_fd.h"

namespace bulkhead {
namespace {

constexpr int listen_fd = 3;
constexpr int first_held = 4;
// Monitor, log, console and the two files of a console of each process. A machine has 30 PCI slots, so 31 processes.
constexpr std::size_t held_max = 160;
// A kind, a device id of at most 16 characters, and what of it: "k/disk0/monitor".
constexpr std::size_t name_bytes = 48;
// More than any request: "hold " or "drop " and a name.
constexpr std::size_t message_bytes = 64;

// Names begin with what to do while nobody supervises.
constexpr char drained_kind = 'd';
// A file, or a socket of the kernel's: it never hangs up.
constexpr char file_kind = 'f';

struct Held {
  std::array<char, name_bytes> name{};
  UniqueFd fd;
};

class Keeper {
 public:
  explicit Keeper(uid_t owner) : owner_(owner) {}

  bool hold(const char* name, UniqueFd fd) {
    const std::size_t length = std::strlen(name);
    if (count_ == held_max || length >= name_bytes) return false;
    std::memcpy(held_[count_].name.data(), name, length + 1);
    held_[count_].fd = std::move(fd);
    ++count_;
    return true;
  }

  // Returns when nothing is left that can hang up.
  void serve() {
    while (holds_streams()) wait();
  }

 private:
  static bool is_file(const Held& held) { return held.name[0] == file_kind; }

  bool holds_streams() const {
    for (std::size_t index = 0; index < count_; ++index) {
      if (!is_file(held_[index])) return true;
    }
    return false;
  }

  // The supervisor's socket, or the listening one while there is none, then everything that is held.
  void wait() {
    const bool supervised = static_cast<bool>(supervisor_);
    polled_[0] = {supervised ? supervisor_.get() : listen_fd, POLLIN, 0};
    for (std::size_t index = 0; index < count_; ++index) {
      const bool drain = abandoned_ && held_[index].name[0] == drained_kind;
      // With no event asked for, poll still reports that the other side hung up. It passes negative fds over.
      const int fd = is_file(held_[index]) ? -1 : held_[index].fd.get();
      polled_[index + 1] = {fd, static_cast<short>(drain ? POLLIN : 0), 0};
    }
    if (poll(polled_.data(), count_ + 1, -1) < 0) return;
    // From the last to the first: dropping one moves the last into its place.
    for (std::size_t index = count_; index > 0; --index) serve_held(index - 1, polled_[index].revents);
    if (polled_[0].revents == 0) return;
    if (supervised) {
      serve_supervisor();
    } else {
      accept_supervisor();
    }
  }

  void serve_held(std::size_t index, short events) {
    if ((events & POLLIN) != 0) {
      const ssize_t got = read(held_[index].fd.get(), discarded_.data(), discarded_.size());
      if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
    } else if ((events & (POLLHUP | POLLERR | POLLNVAL)) == 0) {
      return;
    }
    drop(index);
  }

  void drop(std::size_t index) {
    --count_;
    if (index != count_) held_[index] = std::move(held_[count_]);
    held_[count_].fd.reset();
  }

  // Only the user that started this keeper may supervise.
  void accept_supervisor() {
    UniqueFd peer(accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) return;
    const KernelResult uid = peer_uid(peer.get());
    if (!uid.ok() || static_cast<uid_t>(uid.value) != owner_) return;
    supervisor_ = std::move(peer);
    abandoned_ = false;
  }

  void serve_supervisor() {
    std::array<char, message_bytes> message{};
    UniqueFd fd;
    // The last byte stays 0.
    const KernelResult got = receive_with_fd(supervisor_.get(), message.data(), message.size() - 1, fd);
    if (!got.ok() && got.error == EAGAIN) return;
    if (got.ok() && got.value > 0 && obey(message.data(), std::move(fd))) return;
    supervisor_.reset();
    abandoned_ = true;
  }

  bool obey(const char* request, UniqueFd fd) {
    if (std::strcmp(request, "stand") == 0) return send_with_fd(supervisor_.get(), "end", 3, -1).ok();
    if (std::strcmp(request, "take") == 0) return give_all();
    if (std::strncmp(request, "hold ", 5) == 0) return fd && hold(request + 5, std::move(fd));
    if (std::strncmp(request, "drop ", 5) == 0) return drop_named(request + 5);
    return false;
  }

  // A name that it does not hold is as good as dropped.
  bool drop_named(const char* name) {
    for (std::size_t index = count_; index > 0; --index) {
      if (std::strcmp(held_[index - 1].name.data(), name) == 0) drop(index - 1);
    }
    return true;
  }

  bool give_all() {
    for (std::size_t index = 0; index < count_; ++index) {
      const char* name = held_[index].name.data();
      if (!send_with_fd(supervisor_.get(), name, std::strlen(name), held_[index].fd.get()).ok()) return false;
    }
    return send_with_fd(supervisor_.get(), "end", 3, -1).ok();
  }

  uid_t owner_;
  UniqueFd supervisor_;
  // Whether a supervisor was there and is gone: before the first one connects, its launcher still reads what is held.
  bool abandoned_ = false;
  std::array<Held, held_max> held_{};
  std::size_t count_ = 0;
  std::array<pollfd, held_max + 1> polled_{};
  std::array<char, 65536> discarded_{};
};

// Too large for the stack; nothing is allocated after the confinement.
Keeper& keeper() {
  static Keeper instance(geteuid());
  return instance;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  bulkhead::Keeper& keeper = bulkhead::keeper();
  for (int index = 1; index < argc; ++index) {
    if (!keeper.hold(argv[index], bulkhead::UniqueFd(bulkhead::first_held + index - 1))) return 2;
  }
  if (!bulkhead::confine_keeper(static_cast<unsigned>(bulkhead::first_held + argc - 1))) return 3;
  keeper.serve();
  return 0;
}
