// Processes by pidfd.
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "glue.h"
#include "raw_syscall.h"
#include "wait_exit.h"

namespace bulkhead {
namespace {

long call_or_throw(Napi::Env env, const char* call, long r) {
  if (r < 0) throw kernel_error(env, call, static_cast<int>(-r));
  return r;
}

Napi::Value open_pidfd(const Napi::CallbackInfo& info) {
  const int pid = get_int(options_of(info), "pid");
  return Napi::Number::New(info.Env(),
                           static_cast<double>(call_or_throw(info.Env(), "pidfd_open", raw_syscall(SYS_pidfd_open, pid, 0))));
}

Napi::Value send_signal(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  call_or_throw(info.Env(), "pidfd_send_signal",
                raw_syscall(SYS_pidfd_send_signal, get_int(options, "pidfd"), get_int(options, "signal"), 0, 0));
  return info.Env().Undefined();
}

// struct pidfd_info of include/uapi/linux/pidfd.h as Linux 6.15 has it (PIDFD_INFO_SIZE_VER0); Debian 12's headers lack it.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t pidfd_info_exit = 1U << 3;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, PidfdInfo);

Napi::Object describe_exit(Napi::Env env, bool exited, bool killed, int value) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("exitCode", exited ? Napi::Number::New(env, value) : env.Null());
  result.Set("signal", killed ? Napi::Number::New(env, value) : env.Null());
  return result;
}

// How a process ended that somebody else reaped; null while nobody has.
Napi::Value exit_status(const Napi::CallbackInfo& info) {
  PidfdInfo told{};
  told.mask = pidfd_info_exit;
  call_or_throw(info.Env(), "ioctl PIDFD_GET_INFO",
                raw_syscall(SYS_ioctl, get_int(options_of(info), "pidfd"), pidfd_get_info, as_argument(&told)));
  if ((told.mask & pidfd_info_exit) == 0) return info.Env().Null();
  const int status = told.exit_code;
  if (WIFEXITED(status)) return describe_exit(info.Env(), true, false, WEXITSTATUS(status));
  return describe_exit(info.Env(), false, true, WTERMSIG(status));
}

// Whether two fds, of this process and of another, are one open file description.
Napi::Value same_open_file(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const long order = call_or_throw(info.Env(), "kcmp",
                                   raw_syscall(SYS_kcmp, raw_syscall(SYS_getpid), get_int(options, "pid"), KCMP_FILE,
                                               get_int(options, "fd"), get_int(options, "otherFd")));
  return Napi::Boolean::New(info.Env(), order == 0);
}

// Whether two tasks share their fd table, and their root, working directory and umask.
Napi::Value share_tables(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const int one = get_int(options, "tid");
  const int other = get_int(options, "otherTid");
  const auto same = [&](int type) {
    return call_or_throw(info.Env(), "kcmp", raw_syscall(SYS_kcmp, one, other, type, 0, 0)) == 0;
  };
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("fds", same(KCMP_FILES));
  result.Set("paths", same(KCMP_FS));
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// execve of this process: the same pid and terminal, and of its fds those named, which Node has made close-on-exec when it began
// (uv_disable_stdio_inheritance). Comes back only when it fails.
Napi::Value replace_program(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  std::vector<std::string> argv = get_strings(options, "argv");
  std::vector<std::string> environment = get_strings(options, "environment");
  const Napi::Array kept = get_array(options, "keptFds");
  for (std::uint32_t index = 0; index < kept.Length(); ++index) {
    const int fd = kept.Get(index).ToNumber().Int32Value();
    // One of the standard streams may be closed.
    if (const long r = raw_syscall(SYS_fcntl, fd, F_SETFD, 0); r < 0 && r != -EBADF)
      throw kernel_error(info.Env(), "fcntl F_SETFD", static_cast<int>(-r));
  }
  execve(get_string(options, "path").c_str(), pointers_to(argv).data(), pointers_to(environment).data());
  throw kernel_error(info.Env(), "execve", errno);
}

// One wait for the end of one process. Lives until the process ends or the wait is cancelled; then closes its handle.
class ExitWatch {
 public:
  static Napi::Value start(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    const Napi::Env env = info.Env();
    const int pidfd = get_int(options, "pidfd");
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    auto* watch = new ExitWatch(env, pidfd);
    if (const int error = uv_poll_init(loop, &watch->handle_, pidfd); error != 0) {
      delete watch;
      throw kernel_error(env, "uv_poll_init", -error);
    }
    watch->handle_.data = watch;
    const Napi::Value promise = watch->deferred_.Promise();
    uv_poll_start(&watch->handle_, UV_READABLE, &ExitWatch::on_readable);
    if (!get_bool(options, "keepAlive")) uv_unref(reinterpret_cast<uv_handle_t*>(&watch->handle_));
    return promise;
  }

 private:
  ExitWatch(Napi::Env env, int pidfd)
      : env_(env), pidfd_(pidfd), deferred_(Napi::Promise::Deferred::New(env)), context_(env, "bulkhead:exit") {}

  static void on_readable(uv_poll_t* handle, int, int) {
    auto* watch = static_cast<ExitWatch*>(handle->data);
    uv_poll_stop(handle);
    watch->settle();
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) { delete static_cast<ExitWatch*>(closed->data); });
  }

  // WEXITED reaps our own child; a process that is not ours (an adopted orphan's) answers ECHILD: see exit_status().
  void settle() {
    const Napi::HandleScope scope(env_);
    const Napi::CallbackScope callback(env_, context_);
    siginfo_t status{};
    const long r = wait_exit(pidfd_, status);
    const bool exited = r >= 0 && status.si_code == CLD_EXITED;
    deferred_.Resolve(describe_exit(env_, exited, r >= 0 && !exited, status.si_status));
  }

  Napi::Env env_;
  int pidfd_;
  Napi::Promise::Deferred deferred_;
  Napi::AsyncContext context_;
  uv_poll_t handle_{};
};

}  // namespace

void export_processes(Napi::Env env, Napi::Object exports) {
  exports.Set("exitStatus", Napi::Function::New(env, exit_status));
  exports.Set("openPidfd", Napi::Function::New(env, open_pidfd));
  exports.Set("replaceProgram", Napi::Function::New(env, replace_program));
  exports.Set("sendSignal", Napi::Function::New(env, send_signal));
  exports.Set("sameOpenFile", Napi::Function::New(env, same_open_file));
  exports.Set("shareTables", Napi::Function::New(env, share_tables));
  exports.Set("waitExit", Napi::Function::New(env, ExitWatch::start));
}

}  // namespace bulkhead
