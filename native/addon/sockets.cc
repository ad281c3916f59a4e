// UNIX sockets as node:net does not offer them: peers' credentials, messages with fds, SOCK_SEQPACKET.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "glue.h"
#include "passed_fd.h"

namespace bulkhead {
namespace {

// Largest message of a keeper: a name.
constexpr std::size_t message_bytes = 256;
// Connections that wait to be accepted; commands of one operator, not a service.
constexpr int waiting_max = 16;

UniqueFd local_socket(Napi::Env env, bool packets) {
  UniqueFd fd(socket(AF_UNIX, (packets ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  if (!fd) throw kernel_error(env, "socket", errno);
  return fd;
}

sockaddr_un address_of(Napi::Env env, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw kernel_error(env, "bind", ENAMETOOLONG);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Napi::Value listen_local(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const sockaddr_un address = address_of(env, get_string(options, "path"));
  UniqueFd fd = local_socket(env, get_bool(options, "packets"));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw kernel_error(env, "bind", errno);
  if (listen(fd.get(), waiting_max) != 0) throw kernel_error(env, "listen", errno);
  // Whoever accepts from it is told when nobody waits.
  if (fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) throw kernel_error(env, "fcntl F_SETFL", errno);
  return Napi::Number::New(env, fd.release());
}

// A connection that waits at a listening socket; -1 when none does.
Napi::Value accept_local(const Napi::CallbackInfo& info) {
  const int fd = accept4(get_int(options_of(info), "fd"), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) throw kernel_error(info.Env(), "accept4", errno);
  return Napi::Number::New(info.Env(), fd);
}

// Waits `timeoutMs` at most, here and for each message that is received afterwards.
Napi::Value connect_packets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const sockaddr_un address = address_of(env, get_string(options, "path"));
  const int timeout_ms = get_int(options, "timeoutMs");
  const timeval timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  UniqueFd fd = local_socket(env, true);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (setsockopt(fd.get(), SOL_SOCKET, option, &timeout, sizeof timeout) != 0) throw kernel_error(env, "setsockopt", errno);
  }
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw kernel_error(env, "connect", errno);
  return Napi::Number::New(env, fd.release());
}

// `fd` -1: the data alone.
Napi::Value send_fd(const Napi::CallbackInfo& info) {
  const Napi::Object options = options_of(info);
  const std::string data = get_string(options, "data");
  return number_or_throw(info.Env(),
                         send_with_fd(get_int(options, "socketFd"), data.data(), data.size(), get_int(options, "fd")));
}

// One message: {data, fd}, fd -1 where none came; data is empty at the end of the connection.
Napi::Value receive_fd(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::array<char, message_bytes> data{};
  UniqueFd fd;
  const KernelResult got = receive_with_fd(get_int(options_of(info), "socketFd"), data.data(), data.size(), fd);
  if (!got.ok()) throw kernel_error(env, got.call, got.error);
  Napi::Object message = Napi::Object::New(env);
  message.Set("data", Napi::String::New(env, data.data(), static_cast<std::size_t>(got.value)));
  message.Set("fd", Napi::Number::New(env, fd.release()));
  return message;
}

Napi::Value uid_of_peer(const Napi::CallbackInfo& info) {
  return number_or_throw(info.Env(), peer_uid(get_int(options_of(info), "socketFd")));
}

}  // namespace

void export_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("listenLocal", Napi::Function::New(env, listen_local));
  exports.Set("acceptLocal", Napi::Function::New(env, accept_local));
  exports.Set("connectPackets", Napi::Function::New(env, connect_packets));
  exports.Set("sendFd", Napi::Function::New(env, send_fd));
  exports.Set("receiveFd", Napi::Function::New(env, receive_fd));
  exports.Set("peerUid", Napi::Function::New(env, uid_of_peer));
}

}  // namespace bulkhead
