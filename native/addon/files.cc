// Fds: opening, pairing, locking.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "audit_records.h"
#include "glue.h"
#include "open_files.h"
#include "socket_diag.h"
#include "unique_fd.h"

namespace bulkhead {
namespace {

// XATTR_NAME_SELINUX: include/uapi/linux/xattr.h.
constexpr const char* context_attribute = "security.selinux";
// The files of /proc/PID/attr have a page; no context is longer.
constexpr std::size_t context_bytes = 4096;

Napi::Value open_beneath_directory(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const OpenRequest request{get_int(options, "directoryFd"), get_string(options, "path"), get_u64(options, "flags"),
                            get_u64(options, "resolve"), static_cast<std::uint64_t>(get_number(options, "mode"))};
  return number_or_throw(info.Env(), open_beneath(request));
}

Napi::Value open_existing_tap(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  return number_or_throw(info.Env(), open_tap(get_string(options, "name"), get_string(options, "node")));
}

Napi::Value pair_of(Napi::Env env, const int (&ends)[2]) {
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::Number::New(env, ends[0]));
  pair.Set(1U, Napi::Number::New(env, ends[1]));
  return pair;
}

Napi::Value make_socket_pair(const Napi::CallbackInfo& info) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw kernel_error(info.Env(), "socketpair", errno);
  return pair_of(info.Env(), ends);
}

// Non-blocking: its writers are confined processes, which must not wait for a launcher that reads slowly or is stopped.
Napi::Value make_pipe_pair(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw kernel_error(info.Env(), "pipe2", errno);
  return pair_of(info.Env(), ends);
}

Napi::Value connect_datagram(const Napi::CallbackInfo& info) {
  const std::string path = get_string(options_of(info), "path");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw kernel_error(info.Env(), "connect", ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  UniqueFd socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_fd) throw kernel_error(info.Env(), "socket", errno);
  if (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw kernel_error(info.Env(), "connect", errno);
  return Napi::Number::New(info.Env(), socket_fd.release());
}

Napi::Value socket_diag(const Napi::CallbackInfo& info) { return number_or_throw(info.Env(), open_socket_diag()); }

Napi::Value audit_records(const Napi::CallbackInfo& info) { return number_or_throw(info.Env(), open_audit_records()); }

Napi::Value unread(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  return number_or_throw(info.Env(),
                         unread_bytes(get_int(options, "fd"), static_cast<std::uint32_t>(get_number(options, "inode"))));
}

// Exclusive or shared lock of the open file description, released with its last fd, a killed launcher's included. Returns whether
// it was taken; never waits.
Napi::Value try_lock(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const int kind = options.Has("shared") && get_bool(options, "shared") ? LOCK_SH : LOCK_EX;
  if (flock(get_int(options, "fd"), kind | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw kernel_error(info.Env(), "flock", errno);
}

// The SELinux context of a file by its path: a launch reads hundreds, for which a call through FFI each is too slow.
Napi::Value file_context(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const std::string path = get_string(options, "path");
  std::array<char, context_bytes> context{};
  const ssize_t length = get_bool(options, "follow") ? getxattr(path.c_str(), context_attribute, context.data(), context.size())
                                                     : lgetxattr(path.c_str(), context_attribute, context.data(), context.size());
  if (length < 0) throw kernel_error(env, "getxattr", errno);
  // The kernel ends it with a zero byte, other writers of the attribute may not.
  return Napi::String::New(env, context.data(), strnlen(context.data(), static_cast<std::size_t>(length)));
}

}  // namespace

void export_files(Napi::Env env, Napi::Object exports) {
  exports.Set("openBeneath", Napi::Function::New(env, open_beneath_directory));
  exports.Set("openTap", Napi::Function::New(env, open_existing_tap));
  exports.Set("socketPair", Napi::Function::New(env, make_socket_pair));
  exports.Set("pipePair", Napi::Function::New(env, make_pipe_pair));
  exports.Set("connectDatagram", Napi::Function::New(env, connect_datagram));
  exports.Set("openSocketDiag", Napi::Function::New(env, socket_diag));
  exports.Set("unreadBytes", Napi::Function::New(env, unread));
  exports.Set("openAuditRecords", Napi::Function::New(env, audit_records));
  exports.Set("fileContext", Napi::Function::New(env, file_context));
  exports.Set("tryLock", Napi::Function::New(env, try_lock));
}

}  // namespace bulkhead
