export { acceptExport, type ExportedPolicy } from "./exported_policy.js";
export { acceptImport, type ImportedPolicy, type ImportRequest } from "./imported_policy.js";
export { formatJson } from "./json_numbers.js";
export { exportMinijail } from "./minijail_export.js";
export { importMinijail, type MinijailRequest } from "./minijail_import.js";
export { exportOci } from "./oci_export.js";
export { importOci } from "./oci_import.js";
export { exportSeccompiler } from "./seccompiler_export.js";
export { importSeccompiler } from "./seccompiler_import.js";
