// Call gates as objects: rules in, refused calls out.
#include "call_gate.h"

#include <string_view>

#include "glue.h"

namespace bulkhead {
namespace {

Napi::Object describe(Napi::Env env, const RefusedCall& refused) {
  Napi::Object description = Napi::Object::New(env);
  Napi::Array args = Napi::Array::New(env, std::size(refused.args));
  for (std::uint32_t index = 0; index < std::size(refused.args); ++index) {
    args.Set(index, Napi::BigInt::New(env, refused.args[index]));
  }
  description.Set("tid", refused.tid);
  description.Set("number", refused.number);
  description.Set("args", args);
  description.Set("instructionPointer", Napi::BigInt::New(env, refused.instruction_pointer));
  description.Set("path", Napi::Buffer<char>::Copy(env, refused.path.data(), refused.path.size()));
  description.Set("killed", refused.killed);
  description.Set("unreported", refused.unreported);
  return description;
}

DeclaredOpens read_opens(const Napi::Object& options) {
  DeclaredOpens opens;
  const Napi::Array attach = get_array(options, "attach");
  for (std::uint32_t index = 0; index < attach.Length(); ++index) {
    const Napi::Object file = attach.Get(index).As<Napi::Object>();
    opens.attach.push_back({get_string(file, "path"), get_bool(file, "reads"), get_bool(file, "writes")});
  }
  opens.absent = get_strings(options, "absent");
  return opens;
}

constexpr std::string_view phase_names[] = {"start", "attach", "run"};

// JavaScript holds one share until it closes the object or loses it; a spawn under way holds another.
class CallGateHandle : public Napi::ObjectWrap<CallGateHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "CallGate",
        {InstanceMethod<&CallGateHandle::resume>("resume"), InstanceMethod<&CallGateHandle::lock>("lock"),
         InstanceMethod<&CallGateHandle::seal>("seal"), InstanceMethod<&CallGateHandle::phase>("phase"),
         InstanceMethod<&CallGateHandle::copy_listener>("copyListener"), InstanceMethod<&CallGateHandle::close>("close")});
  }

  explicit CallGateHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CallGateHandle>(info) {
    const Napi::Env env = info.Env();
    const Napi::Object options = options_of(info);
    GateRules rules{read_opens(options), get_bool(options, "kill")};
    const auto on_refusal =
        Napi::ThreadSafeFunction::New(env, options.Get("onRefusal").As<Napi::Function>(), "bulkhead:refusal", 0, 1);
    // A gate alone is nothing to wait for.
    on_refusal.Unref(env);
    auto report = [function = on_refusal](const RefusedCall& refused) {
      function.NonBlockingCall(
          [refused](Napi::Env callback_env, Napi::Function call) { call.Call({describe(callback_env, refused)}); });
    };
    // After the gate's own end nothing reports any more, whoever held the last share.
    gate_ = std::shared_ptr<CallGate>(new CallGate(std::move(rules), std::move(report)), [function = on_refusal](CallGate* gate) {
      delete gate;
      Napi::ThreadSafeFunction(function).Release();
    });
  }

  std::shared_ptr<CallGate> share(Napi::Env env) const {
    if (gate_ == nullptr) throw Napi::TypeError::New(env, "the call gate is closed");
    return gate_;
  }

 private:
  void resume(const Napi::CallbackInfo& info) {
    const Napi::Object options = options_of(info);
    const std::shared_ptr<CallGate> gate = share(info.Env());
    UniqueFd listener(get_int(options, "listenerFd"));
    UniqueFd memory(get_int(options, "memoryFd"));
    const int pid = get_int(options, "pid");
    number_or_throw(info.Env(), gate->start());
    number_or_throw(info.Env(), gate->resume(std::move(listener), pid, get_int(options, "pidfd"), std::move(memory)));
  }
  void lock(const Napi::CallbackInfo& info) { number_or_throw(info.Env(), share(info.Env())->lock()); }
  void seal(const Napi::CallbackInfo& info) { share(info.Env())->seal(); }
  Napi::Value phase(const Napi::CallbackInfo& info) {
    const auto index = static_cast<std::size_t>(share(info.Env())->phase());
    return Napi::String::New(info.Env(), phase_names[index].data());
  }
  Napi::Value copy_listener(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), share(info.Env())->copy_listener().release());
  }
  void close(const Napi::CallbackInfo&) { gate_.reset(); }

  std::shared_ptr<CallGate> gate_;
};

}  // namespace

std::shared_ptr<CallGate> gate_of(const Napi::Object& options) {
  const Napi::Value value = options.Get("gate");
  if (value.IsNull()) return nullptr;
  if (!value.IsObject()) throw Napi::TypeError::New(options.Env(), "native option \"gate\" is not a call gate");
  return CallGateHandle::Unwrap(value.As<Napi::Object>())->share(options.Env());
}

void export_call_gate(Napi::Env env, Napi::Object exports) { exports.Set("CallGate", CallGateHandle::define(env)); }

}  // namespace bulkhead
