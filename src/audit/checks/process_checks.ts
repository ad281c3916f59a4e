import type { Check } from "../check.js";
import { processCapabilities } from "./process_capabilities.js";
import { processDeviceFd } from "./process_device_fd.js";
import { processDirectoryFd } from "./process_directory_fd.js";
import { processDumpable } from "./process_dumpable.js";
import { processEnvironmentSecrets } from "./process_environment_secrets.js";
import { processExtraGroups } from "./process_extra_groups.js";
import { processNetworkSocket } from "./process_network_socket.js";
import { processNoFilter } from "./process_no_filter.js";
import { processNoNewPrivs } from "./process_no_new_privs.js";
import { processReachableSockets } from "./process_reachable_sockets.js";
import { processResourceLimits } from "./process_resource_limits.js";
import { processRootUser } from "./process_root_user.js";
import { processSharedNamespaces } from "./process_shared_namespaces.js";
import { processTerminal } from "./process_terminal.js";
import { processThreadApart } from "./process_thread_apart.js";
import { processTraced } from "./process_traced.js";
import { processUnevenFilters } from "./process_uneven_filters.js";
import { processUnexpectedProgram } from "./process_unexpected_program.js";
import { processUnlabelled } from "./process_unlabelled.js";
import { processWritableCode } from "./process_writable_code.js";

/** Checks of one live process, whoever's it is: what confines it first, then what it holds. */
export const PROCESS_CHECKS: readonly Check<"process">[] = [
  processNoFilter,
  processUnevenFilters,
  processTraced,
  processThreadApart,
  processRootUser,
  processCapabilities,
  processNoNewPrivs,
  processExtraGroups,
  processSharedNamespaces,
  processUnlabelled,
  processResourceLimits,
  processDumpable,
  processWritableCode,
  processUnexpectedProgram,
  processEnvironmentSecrets,
  processTerminal,
  processDirectoryFd,
  processDeviceFd,
  processNetworkSocket,
  processReachableSockets,
];
