// Sessions: what a VM's processes are cloned from, as an object with its number and a close method.
#include "session.h"

#include "glue.h"
#include "network_namespace.h"

namespace bulkhead {
namespace {

// JavaScript holds one share until it closes the object or loses it; a spawn under way holds another.
class SessionHandle : public Napi::ObjectWrap<SessionHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Session",
                       {InstanceAccessor<&SessionHandle::id>("id"), InstanceMethod<&SessionHandle::close>("close")});
  }

  explicit SessionHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionHandle>(info) {
    const Napi::Object options = options_of(info);
    const SessionOptions wanted{get_bool(options, "coreCreate"), get_int(options, "coreSharePid")};
    std::unique_ptr<Session> opened;
    const KernelResult result = Session::open(wanted, opened);
    if (!result.ok()) throw kernel_error(info.Env(), result.call, result.error);
    session_ = std::move(opened);
  }

  std::shared_ptr<Session> share(Napi::Env env) const {
    if (session_ == nullptr) throw Napi::TypeError::New(env, "the session is closed");
    return session_;
  }

 private:
  Napi::Value id(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), share(info.Env())->id()); }
  void close(const Napi::CallbackInfo&) { session_.reset(); }

  std::shared_ptr<Session> session_;
};

Napi::Value begin_network(const Napi::CallbackInfo& info) { return number_or_throw(info.Env(), begin_network_namespace()); }

}  // namespace

std::shared_ptr<Session> session_of(const Napi::Object& options) {
  const Napi::Value value = options.Get("session");
  if (!value.IsObject()) throw Napi::TypeError::New(options.Env(), "native option \"session\" is not a session");
  return SessionHandle::Unwrap(value.As<Napi::Object>())->share(options.Env());
}

void export_session(Napi::Env env, Napi::Object exports) {
  exports.Set("Session", SessionHandle::define(env));
  exports.Set("beginNetworkNamespace", Napi::Function::New(env, begin_network));
}

}  // namespace bulkhead
