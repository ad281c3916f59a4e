{
  "targets": [
    {
      "target_name": "bulkhead",
      "sources": [
        "core/audit_records.cc",
        "core/call_gate.cc",
        "core/call_gate_answers.cc",
        "core/child.cc",
        "core/child_listener.cc",
        "core/clone3.S",
        "core/confine_threads.cc",
        "core/declared_opens.cc",
        "core/exec_context.cc",
        "core/memfd_noexec.cc",
        "core/fd_message.cc",
        "core/kvm_probe.cc",
        "core/landlock.cc",
        "core/mounts.cc",
        "core/network_namespace.cc",
        "core/open_files.cc",
        "core/passed_fd.cc",
        "core/session.cc",
        "core/seccomp_filters.cc",
        "core/shared_mapping.cc",
        "core/socket_diag.cc",
        "core/spawn_confined.cc",
        "addon/addon.cc",
        "addon/call_gate.cc",
        "addon/fd_messages.cc",
        "addon/files.cc",
        "addon/host.cc",
        "addon/mounts.cc",
        "addon/processes.cc",
        "addon/session.cc",
        "addon/seccomp.cc",
        "addon/shared_mapping.cc",
        "addon/sockets.cc",
        "addon/spawn.cc"
      ],
      "include_dirs": ["core", "<!@(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17"],
      "cflags_cc": ["-std=c++20", "-fexceptions", "-Wall", "-Wextra", "-Wconversion", "-fstack-protector-strong"],
      "ldflags": ["-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack"]
    },
    {
      "target_name": "bulkhead-keeper",
      "type": "executable",
      "sources": ["core/passed_fd.cc", "keeper/confine.cc", "keeper/keeper.cc", "keeper/notified_calls.cc"],
      "include_dirs": ["core", "keeper"],
      "cflags_cc!": ["-fno-rtti", "-std=gnu++17"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-fstack-protector-strong", "-fPIE"],
      "ldflags": ["-static-pie", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack"]
    },
    {
      "target_name": "bulkhead-ringless",
      "type": "shared_library",
      "product_prefix": "",
      "sources": ["ringless/ringless.cc"],
      "include_dirs": ["core"],
      "cflags_cc!": ["-std=gnu++17"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-fPIC"],
      "ldflags": ["-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack"]
    }
  ]
}
