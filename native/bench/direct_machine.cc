// Starts a multi-process VM as a launcher without any confinement would: the same command lines, the same sockets, the
// same monitor commands. The guest's serial console is stdin and stdout; ends when every process has ended.
//
//     direct_machine DESCRIPTION
//
// The description is text, one item a line, the VMM's process last:
//
//     process                 begins a process
//     fd NUMBER null|monitor|serial
//     fd NUMBER channel DEVICE
//     fd NUMBER image PATH
//     arg TEXT
//     send JSON               a monitor command, in order, each after the answer to the one before
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace {

// Above every number of a manifest, so that no source is overwritten before its turn.
constexpr int above_manifest = 64;

[[noreturn]] void give_up(const std::string& what, int error) {
  std::fprintf(stderr, "direct_machine: %s: %s\n", what.c_str(), std::generic_category().message(error).c_str());
  _exit(1);
}

int lifted(int fd, const std::string& what) {
  const int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, above_manifest);
  if (high < 0) give_up(what, errno);
  close(fd);
  return high;
}

struct Pair {
  int near = -1;
  int far = -1;
};

Pair make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) give_up("socketpair", errno);
  return {lifted(ends[0], "dup"), lifted(ends[1], "dup")};
}

struct Process {
  std::map<int, int> fds;  // Number in the process to our fd.
  std::vector<std::string> arguments;
  std::vector<std::string> commands;
  int monitor = -1;
  std::string line;      // Of the monitor, unfinished.
  std::size_t sent = 0;  // Commands written so far.
  bool settled = false;  // Every command was answered.
};

// The VMM's description comes after those of its devices, so a channel's near end is the device's.
class Description {
 public:
  std::vector<Process> processes;
  int serial = -1;

  explicit Description(const char* path) {
    std::ifstream file(path);
    if (!file) give_up(path, errno);
    for (std::string line; std::getline(file, line);) take(line);
  }

  void close_far_ends() const {
    for (const Process& process : processes) {
      for (const auto& [number, fd] : process.fds) close(fd);
    }
  }

 private:
  std::map<std::string, Pair> channels_;

  void take(const std::string& line) {
    std::istringstream words(line);
    std::string kind;
    words >> kind >> std::ws;
    if (kind == "process") {
      processes.emplace_back();
      processes.back().commands.push_back(R"({"execute":"qmp_capabilities"})");
    }
    if (kind == "fd") take_fd(words);
    if (kind == "arg") processes.back().arguments.push_back(line.substr(std::strlen("arg ")));
    if (kind == "send") processes.back().commands.push_back(line.substr(std::strlen("send ")));
  }

  void take_fd(std::istringstream& words) {
    int number = -1;
    std::string source, name;
    words >> number >> source >> std::ws;
    std::getline(words, name);
    processes.back().fds[number] = open_source(source, name);
  }

  int open_source(const std::string& source, const std::string& name) {
    if (source == "image") return lifted(open(name.c_str(), O_RDWR | O_CLOEXEC), name);
    if (source == "null") return lifted(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
    if (source == "channel") {
      const auto found = channels_.find(name);
      if (found != channels_.end()) return found->second.far;
      return (channels_[name] = make_pair()).near;
    }
    const Pair pair = make_pair();
    (source == "serial" ? serial : processes.back().monitor) = pair.near;
    return pair.far;
  }
};

// Plain fork: this process is small, and its end, however it comes, must be that of the VM.
void start(const Process& process) {
  std::vector<char*> argv;
  for (const std::string& argument : process.arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char* const no_environment[] = {nullptr};
  const pid_t pid = fork();
  if (pid < 0) give_up("fork", errno);
  if (pid > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const auto& [number, fd] : process.fds) dup2(fd, number);
  execve(argv[0], argv.data(), no_environment);
  give_up(process.arguments[0], errno);
}

void send(int monitor, const std::string& command) {
  const std::string line = command + "\n";
  if (write(monitor, line.data(), line.size()) != static_cast<ssize_t>(line.size())) give_up("write to a monitor", errno);
}

// The greeting and each answer let the next command go; events do not.
void take_line(Process& process) {
  if (process.line.find("\"error\"") != std::string::npos) {
    std::fprintf(stderr, "direct_machine: a monitor refused: %s\n", process.line.c_str());
    _exit(1);
  }
  const bool answers = process.line.find("\"return\"") != std::string::npos || process.line.find("\"QMP\"") != std::string::npos;
  if (!answers) return;
  process.settled = process.sent == process.commands.size();
  if (!process.settled) send(process.monitor, process.commands[process.sent++]);
}

// False at end of file.
bool read_monitor(Process& process) {
  char bytes[4096];
  const ssize_t count = read(process.monitor, bytes, sizeof bytes);
  if (count <= 0) return false;
  for (ssize_t index = 0; index < count; ++index) {
    if (bytes[index] != '\n') {
      process.line += bytes[index];
      continue;
    }
    take_line(process);
    process.line.clear();
  }
  return true;
}

// False at end of file.
bool copy_some(int from, int to) {
  char bytes[4096];
  const ssize_t count = read(from, bytes, sizeof bytes);
  return count > 0 && write(to, bytes, static_cast<std::size_t>(count)) == count;
}

// The guest runs once every process has answered everything.
void continue_when_settled(std::vector<Process>& processes) {
  for (const Process& process : processes) {
    if (!process.settled) return;
  }
  Process& vmm = processes.back();
  if (vmm.commands.back() == R"({"execute":"cont"})") return;
  std::fputs("direct: continue\n", stderr);
  vmm.commands.push_back(R"({"execute":"cont"})");
  vmm.sent = vmm.commands.size();
  send(vmm.monitor, vmm.commands.back());
}

// Until the VMM and the devices have closed everything. Our own stdin may stay open longer.
void serve(Description& machine) {
  constexpr std::size_t console = 0, input = 1, first_monitor = 2;
  std::vector<pollfd> polled{{machine.serial, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  for (const Process& process : machine.processes) polled.push_back({process.monitor, POLLIN, 0});
  std::size_t open_count = polled.size() - 1;
  while (open_count > 0) {
    if (poll(polled.data(), polled.size(), -1) < 0) give_up("poll", errno);
    for (std::size_t index = 0; index < polled.size(); ++index) {
      if (polled[index].revents == 0) continue;
      bool open = false;
      if (index == console) open = copy_some(machine.serial, STDOUT_FILENO);
      if (index == input) open = copy_some(STDIN_FILENO, machine.serial);
      if (index >= first_monitor) open = read_monitor(machine.processes[index - first_monitor]);
      if (open) continue;
      polled[index].fd = -1;  // poll(2) ignores it.
      if (index != input) --open_count;
    }
    continue_when_settled(machine.processes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: direct_machine DESCRIPTION\n", stderr);
    return 2;
  }
  Description machine(argv[1]);
  std::fputs("direct: start\n", stderr);
  for (const Process& process : machine.processes) start(process);
  machine.close_far_ends();
  std::fputs("direct: attach\n", stderr);
  serve(machine);
  while (wait(nullptr) > 0) {
  }
  return 0;
}
