import { printableJson } from "../../text/index.js";
import type { AuditReport } from "../report.js";
import type { FormatOptions } from "./format_report.js";

/** The published shape: docs/schema/audit.schema.json. */
export function formatJson(report: AuditReport, { grants }: Pick<FormatOptions, "grants">): string {
  const { target, exposure, findings, unknown, exempted, exposures } = report;
  const document = {
    schemaVersion: 1,
    target,
    exposure,
    findings,
    unknown,
    exposures: exposures.map(({ subject, figure }) => ({ subject, figure })),
    ...(exempted.length === 0
      ? {}
      : {
          exempted: exempted.map(({ finding, exemption }) => ({
            ...finding,
            reason: exemption.reason,
            expires: exemption.expires,
          })),
        }),
    ...(grants ? { grants: report.grants } : {}),
    ...(report.picture === null ? {} : { picture: report.picture }),
  };
  return `${printableJson(document, 2)}\n`;
}
