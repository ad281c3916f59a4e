// Messages with fds over stream sockets, eventfds, and waiting for either in Node's event loop.
#include <poll.h>
#include <sys/eventfd.h>
#include <uv.h>

#include "fd_message.h"
#include "glue.h"

namespace bulkhead {
namespace {

Napi::Buffer<char> buffer_of(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBuffer()) throw Napi::TypeError::New(options.Env(), std::string("native option \"") + name + "\" is not a Buffer");
  return value.As<Napi::Buffer<char>>();
}

// Bytes sent; 0 when none fitted.
Napi::Value send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const auto data = buffer_of(options, "data");
  const Napi::Array numbers = get_array(options, "fds");
  std::vector<int> fds;
  for (std::uint32_t index = 0; index < numbers.Length(); ++index) {
    const Napi::Value fd = numbers.Get(index);
    if (!fd.IsNumber()) throw Napi::TypeError::New(env, "native option \"fds\" is not an array of numbers");
    fds.push_back(fd.As<Napi::Number>().Int32Value());
  }
  const KernelResult sent = send_message(get_int(options, "socketFd"), data.Data(), data.Length(), fds);
  if (!sent.ok() && sent.error == EAGAIN) return Napi::Number::New(env, 0);
  return number_or_throw(env, sent);
}

// {bytes, fds, lostFds}; bytes is null when none wait and 0 at the end of the connection. The fds are the caller's.
Napi::Value receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  const auto target = buffer_of(options, "target");
  Received received;
  const KernelResult got = receive_message(get_int(options, "socketFd"), target.Data(), target.Length(), received);
  const bool nothing = !got.ok() && got.error == EAGAIN;
  if (!got.ok() && !nothing) throw kernel_error(env, got.call, got.error);
  Napi::Object message = Napi::Object::New(env);
  message.Set("bytes", nothing ? env.Null() : Napi::Number::New(env, static_cast<double>(got.value)));
  Napi::Array fds = Napi::Array::New(env, received.fds.size());
  for (std::uint32_t index = 0; index < received.fds.size(); ++index)
    fds.Set(index, Napi::Number::New(env, received.fds[index].release()));
  message.Set("fds", fds);
  message.Set("lostFds", Napi::Boolean::New(env, received.lost_fds));
  return message;
}

Napi::Value make_eventfd(const Napi::CallbackInfo& info) {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw kernel_error(info.Env(), "eventfd", errno);
  return Napi::Number::New(info.Env(), fd);
}

// Adds 1. One that is full is signalled as it is, and would make a writer wait if its other holder made it blocking.
Napi::Value signal_eventfd(const Napi::CallbackInfo& info) {
  const int fd = get_int(options_of(info), "fd");
  pollfd room{fd, POLLOUT, 0};
  if (poll(&room, 1, 0) < 0) throw kernel_error(info.Env(), "poll", errno);
  if ((room.revents & POLLOUT) == 0) return info.Env().Undefined();
  if (eventfd_write(fd, 1) != 0 && errno != EAGAIN) throw kernel_error(info.Env(), "write", errno);
  return info.Env().Undefined();
}

// What had been added since the last time, 0n: nothing.
Napi::Value take_eventfd(const Napi::CallbackInfo& info) {
  const int fd = get_int(options_of(info), "fd");
  eventfd_t count = 0;
  pollfd something{fd, POLLIN, 0};
  if (poll(&something, 1, 0) < 0) throw kernel_error(info.Env(), "poll", errno);
  if ((something.revents & POLLIN) != 0 && eventfd_read(fd, &count) != 0 && errno != EAGAIN)
    throw kernel_error(info.Env(), "read", errno);
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(count));
}

// Tells JavaScript when an fd can be read or written. Close it before the fd is closed.
class FdWatch : public Napi::ObjectWrap<FdWatch> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FdWatch", {InstanceMethod<&FdWatch::watch>("watch"), InstanceMethod<&FdWatch::close>("close")});
  }

  explicit FdWatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FdWatch>(info), context_(info.Env(), "bulkhead:fd") {
    const Napi::Object options = options_of(info);
    const Napi::Value ready = options.Get("onReady");
    if (!ready.IsFunction()) throw Napi::TypeError::New(info.Env(), "native option \"onReady\" is not a function");
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    auto handle = std::make_unique<uv_poll_t>();
    if (const int error = uv_poll_init(loop, handle.get(), get_int(options, "fd")); error != 0)
      throw kernel_error(info.Env(), "uv_poll_init", -error);
    on_ready_ = Napi::Persistent(ready.As<Napi::Function>());
    handle->data = this;
    handle_ = handle.release();
  }

  ~FdWatch() override { let_go(); }

 private:
  // {readable, writable}: what to tell of, again and again for as long as it is so. Neither: nothing, and the loop may end.
  Napi::Value watch(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    if (handle_ == nullptr) throw Napi::TypeError::New(info.Env(), "the watch is closed");
    events_ = (get_bool(options, "readable") ? UV_READABLE : 0) | (get_bool(options, "writable") ? UV_WRITABLE : 0);
    keep(events_ != 0);
    start();
    return info.Env().Undefined();
  }

  void close(const Napi::CallbackInfo&) {
    let_go();
    keep(false);
  }

  void start() {
    if (events_ == 0) {
      uv_poll_stop(handle_);
    } else {
      uv_poll_start(handle_, events_, &FdWatch::on_event);
    }
  }

  // While it is started the loop holds it, so that it is not collected.
  void keep(bool wanted) {
    if (wanted == kept_) return;
    kept_ = wanted;
    if (wanted)
      Ref();
    else
      Unref();
  }

  void let_go() {
    if (handle_ == nullptr) return;
    handle_->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(std::exchange(handle_, nullptr)),
             [](uv_handle_t* closed) { delete reinterpret_cast<uv_poll_t*>(closed); });
  }

  // An error of the fd is told as both, and found again by whatever is done with it.
  static void on_event(uv_poll_t* handle, int status, int events) {
    auto* self = static_cast<FdWatch*>(handle->data);
    if (self == nullptr) return;
    const Napi::HandleScope scope(self->Env());
    const int both = UV_READABLE | UV_WRITABLE;
    const int told = status < 0 ? both : events;
    // libuv stops at an error (uv__poll_io), though there may be more to read before whoever reads comes to it.
    if (status < 0) self->start();
    const Napi::Function on_ready = self->on_ready_.Value();
    try {
      on_ready.MakeCallback(self->Value(),
                            {Napi::Boolean::New(self->Env(), (told & UV_READABLE) != 0),
                             Napi::Boolean::New(self->Env(), (told & UV_WRITABLE) != 0)},
                            self->context_);
    } catch (const Napi::Error& error) {
      // As Node does with what a callback of its own throws: an uncaught exception.
      napi_fatal_exception(error.Env(), error.Value());
    }
  }

  Napi::FunctionReference on_ready_;
  Napi::AsyncContext context_;
  uv_poll_t* handle_ = nullptr;
  int events_ = 0;
  bool kept_ = false;
};

}  // namespace

void export_fd_messages(Napi::Env env, Napi::Object exports) {
  exports.Set("sendMessage", Napi::Function::New(env, send));
  exports.Set("receiveMessage", Napi::Function::New(env, receive));
  exports.Set("makeEventfd", Napi::Function::New(env, make_eventfd));
  exports.Set("signalEventfd", Napi::Function::New(env, signal_eventfd));
  exports.Set("takeEventfd", Napi::Function::New(env, take_eventfd));
  exports.Set("FdWatch", FdWatch::define(env));
}

}  // namespace bulkhead
