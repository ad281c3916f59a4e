#include "confine.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace bulkhead {
namespace {

constexpr std::array allowed_calls{SYS_poll,       SYS_read,  SYS_recvmsg, SYS_sendmsg,    SYS_accept4,
                                   SYS_getsockopt, SYS_fcntl, SYS_close,   SYS_exit_group, SYS_restart_syscall};

// The one kind of ioctl: answering calls that wait at the listener of a filter.
constexpr std::array allowed_requests{SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND};

// Load, compare the architecture, load the call; one comparison for each call; whether it is ioctl, its request, one comparison
// for each request; kill, allow.
constexpr std::size_t prologue = 4;
constexpr std::size_t requests = prologue + allowed_calls.size() + 2;
constexpr std::size_t filter_size = requests + allowed_requests.size() + 2;

std::array<sock_filter, filter_size> keeper_filter() {
  std::array<sock_filter, filter_size> filter{};
  constexpr std::size_t kill = filter_size - 2;
  constexpr std::size_t allow = filter_size - 1;
  const auto distance = [](std::size_t from, std::size_t to) { return static_cast<unsigned char>(to - from - 1); };
  filter[0] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  filter[1] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  filter[2] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[3] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (std::size_t index = 0; index < allowed_calls.size(); ++index) {
    const std::size_t place = prologue + index;
    filter[place] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(allowed_calls[index]), distance(place, allow), 0);
  }
  // Calls of the x32 ABI have a bit that none of the numbers above has: they end here too.
  filter[requests - 2] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, distance(requests - 2, kill));
  // The low half: the kernel takes the request as an int.
  filter[requests - 1] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1]));
  for (std::size_t index = 0; index < allowed_requests.size(); ++index) {
    const std::size_t place = requests + index;
    filter[place] =
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(allowed_requests[index]), distance(place, allow), 0);
  }
  filter[kill] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[allow] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return filter;
}

bool drop_bounding_set() {
  // The kernel answers EINVAL above its last capability; the ABI has room for 64.
  for (int capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno == EINVAL;
  }
  return true;
}

bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0;
}

bool load_filter() {
  std::array<sock_filter, filter_size> filter = keeper_filter();
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace

bool confine_keeper(unsigned first_unused) {
  const rlimit none{0, 0};
  return syscall(SYS_close_range, first_unused, ~0U, 0) == 0 && chdir("/") == 0 && setgroups(0, nullptr) == 0 &&
         setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && drop_bounding_set() &&
         drop_capabilities() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         // Last: the filter allows none of the calls above.
         load_filter();
}

}  // namespace bulkhead
