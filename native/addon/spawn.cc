// spawnConfined: reads the request, runs it on a thread of its own, answers by promise. confineSelf: the same for this process.
#include "spawn_confined.h"

#include <array>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>

#include "confine_threads.h"
#include "glue.h"

namespace bulkhead {
namespace {

struct NamedStep {
  std::string_view name;
  Step step;
};

// The names that plans and failures use.
constexpr std::array named_steps{
    NamedStep{"process-group", Step::process_group},
    NamedStep{"session-keyring", Step::session_keyring},
    NamedStep{"exec-context", Step::exec_context},
    NamedStep{"current-context", Step::current_context},
    NamedStep{"memfd-noexec", Step::memfd_noexec},
    NamedStep{"umask", Step::umask},
    NamedStep{"cgroup-namespace", Step::cgroup_namespace},
    NamedStep{"private-mounts", Step::private_mounts},
    NamedStep{"attach-mount", Step::attach_mount},
    NamedStep{"pivot-root", Step::pivot_root},
    NamedStep{"host-name", Step::host_name},
    NamedStep{"place-fd", Step::place_fd},
    NamedStep{"close-other-fds", Step::close_other_fds},
    NamedStep{"resource-limit", Step::resource_limit},
    NamedStep{"group-id", Step::group_id},
    NamedStep{"user-id", Step::user_id},
    NamedStep{"securebits", Step::securebits},
    NamedStep{"drop-bounding-set", Step::drop_bounding_set},
    NamedStep{"clear-ambient-set", Step::clear_ambient_set},
    NamedStep{"drop-capabilities", Step::drop_capabilities},
    NamedStep{"no-new-privs", Step::no_new_privs},
    NamedStep{"landlock", Step::landlock},
    NamedStep{"expect-open", Step::expect_open},
    NamedStep{"expect-ambient", Step::expect_ambient},
    NamedStep{"expect-own-keyring", Step::expect_own_keyring},
    NamedStep{"expect-securebits", Step::expect_securebits},
    NamedStep{"default-signals", Step::default_signals},
    NamedStep{"end-with-launcher", Step::end_with_launcher},
    NamedStep{"seccomp-filter", Step::seccomp_filter},
    NamedStep{"listener-taken", Step::listener_taken},
    NamedStep{"close-listener", Step::close_listener},
    NamedStep{"exec", Step::exec},
};

Step step_of(Napi::Env env, const std::string& name) {
  for (const NamedStep& named : named_steps) {
    if (named.name == name) return named.step;
  }
  throw Napi::TypeError::New(env, "unknown child operation \"" + name + "\"");
}

// Owns what the operations point to; heap-allocated so that the pointers stay.
struct Request {
  SpawnRequest spawn;
  std::vector<std::unique_ptr<std::string>> texts;
};

const std::string& keep(Request& request, std::string text) {
  return *request.texts.emplace_back(std::make_unique<std::string>(std::move(text)));
}

ChildOperation read_operation(const Napi::Object& source, Request& request) {
  ChildOperation operation{step_of(source.Env(), get_string(source, "step"))};
  if (source.Has("fd")) operation.fd = get_int(source, "fd");
  if (source.Has("directoryFd")) operation.directory = get_int(source, "directoryFd");
  if (source.Has("number")) operation.number = get_u64(source, "number");
  if (source.Has("value")) operation.value = get_u64(source, "value");
  if (source.Has("path")) operation.path = keep(request, get_string(source, "path")).c_str();
  if (source.Has("data")) {
    const Napi::Value data = source.Get("data");
    if (!data.IsBuffer()) throw Napi::TypeError::New(source.Env(), "operation data is not a Buffer");
    const auto bytes = data.As<Napi::Buffer<char>>();
    const std::string& copy = keep(request, std::string(bytes.Data(), bytes.Length()));
    operation.data = copy.data();
    operation.size = copy.size();
  }
  return operation;
}

std::unique_ptr<Request> read_request(const Napi::Object& options) {
  auto request = std::make_unique<Request>();
  SpawnRequest& spawn = request->spawn;
  const Napi::Array operations = get_array(options, "operations");
  for (std::uint32_t index = 0; index < operations.Length(); ++index) {
    spawn.operations.push_back(read_operation(operations.Get(index).As<Napi::Object>(), *request));
  }
  spawn.argv = get_strings(options, "argv");
  spawn.environment = get_strings(options, "environment");
  spawn.namespaces = get_u64(options, "namespaces");
  spawn.cgroup_fd = get_int(options, "cgroupFd");
  spawn.user_map = get_string(options, "userMap");
  spawn.group_map = get_string(options, "groupMap");
  spawn.session = session_of(options);
  spawn.gate = gate_of(options);
  spawn.network_socket = get_int(options, "networkSocket");
  spawn.deadline_ms = get_int(options, "deadlineMs");
  return request;
}

Napi::Object describe(Napi::Env env, const SpawnResult& result) {
  Napi::Object description = Napi::Object::New(env);
  description.Set("failed", result.failed);
  description.Set("pid", result.pid);
  description.Set("pidfd", result.pidfd);
  description.Set("call", result.call == nullptr ? env.Null() : Napi::String::New(env, result.call));
  description.Set("operation", Napi::Number::New(env, result.operation));
  description.Set("error", result.error);
  description.Set("killed", result.killed);
  return description;
}

Napi::Value spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::shared_ptr<Request> request = read_request(options_of(info));
  auto deferred = std::make_shared<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
  auto done = Napi::ThreadSafeFunction::New(env, Napi::Function(), "bulkhead:spawn", 1, 1);
  auto work = [request, deferred, done]() mutable {
    const SpawnResult result = spawn_confined(request->spawn);
    done.BlockingCall(
        [result, deferred](Napi::Env callback_env, Napi::Function) { deferred->Resolve(describe(callback_env, result)); });
    done.Release();
  };
  try {
    // Not a pool thread: the spawn changes its thread's credentials, signal mask and core cookie for good.
    std::thread(std::move(work)).detach();
  } catch (const std::system_error& error) {
    done.Release();
    throw kernel_error(env, "pthread_create", error.code().value());
  }
  return deferred->Promise();
}

Napi::Value confine_self(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info);
  Request request;
  std::vector<ChildOperation> operations;
  const Napi::Array listed = get_array(options, "operations");
  for (std::uint32_t index = 0; index < listed.Length(); ++index) {
    operations.push_back(read_operation(listed.Get(index).As<Napi::Object>(), request));
  }
  const ThreadsResult result = confine_threads(operations);
  Napi::Object description = Napi::Object::New(env);
  description.Set("failed", result.failed);
  description.Set("call", result.call == nullptr ? env.Null() : Napi::String::New(env, result.call));
  description.Set("operation", Napi::Number::New(env, result.operation));
  description.Set("error", result.error);
  description.Set("tid", result.tid);
  description.Set("threads", result.threads);
  return description;
}

}  // namespace

void export_spawn(Napi::Env env, Napi::Object exports) {
  exports.Set("spawnConfined", Napi::Function::New(env, spawn));
  exports.Set("confineSelf", Napi::Function::New(env, confine_self));
}

}  // namespace bulkhead
