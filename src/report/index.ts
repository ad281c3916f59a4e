export type { CaseOutcome, CaseReport, ReportedCase } from "./case.js";
export { writeJunit } from "./junit.js";
export { escapeMarkup } from "./markup.js";
export { type ReportedFinding, type ReportedRule, type SarifReport, writeSarif } from "./sarif.js";
export { writeTap } from "./tap.js";
