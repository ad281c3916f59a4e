/** What can be found, once for each kind. */
export interface ReportedRule {
  readonly id: string;
  readonly title: string;
  /** Why it matters, for whoever has never heard of it. */
  readonly why: string;
  /** What to do about a finding. */
  readonly remedy: string;
}

/** One finding. */
export interface ReportedFinding {
  readonly ruleId: string;
  readonly level: "error" | "warning" | "note";
  readonly message: string;
  /** What it is about where that is no place in a file, as `disk`, or `web1/disk0`. */
  readonly subject: string;
  /** File relative to where the tool was run; 1-based. */
  readonly location?: { readonly file: string; readonly line: number; readonly column?: number };
}

export interface SarifReport {
  readonly tool: { readonly name: string; readonly version: string };
  /** Every rule that was asked for, also those that found nothing. */
  readonly rules: readonly ReportedRule[];
  readonly findings: readonly ReportedFinding[];
  /** About the host and the run. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Where OASIS publishes the schema of SARIF 2.1.0. */
const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** SARIF 2.1.0 with one run. A finding without a place in a file has a logical location. */
export function writeSarif({ tool, rules, findings, properties }: SarifReport): string {
  const log = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: tool.name, version: tool.version, rules: rules.map(wordRule) } },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => wordFinding(finding, rules)),
        properties,
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function wordRule({ id, title, why, remedy }: ReportedRule): object {
  return { id, shortDescription: { text: title }, fullDescription: { text: why }, help: { text: remedy } };
}

function wordFinding(finding: ReportedFinding, rules: readonly ReportedRule[]): object {
  const { ruleId, level, message, subject, location } = finding;
  const physicalLocation = location === undefined ? {} : { physicalLocation: wordLocation(location) };
  return {
    ruleId,
    ruleIndex: rules.findIndex(({ id }) => id === ruleId),
    level,
    message: { text: message },
    locations: [{ ...physicalLocation, logicalLocations: [{ fullyQualifiedName: subject }] }],
    // What stays when a message's words or a line's number change: by it a finding is followed from run to run.
    partialFingerprints: { "ruleAndSubject/v1": `${ruleId}:${subject}${location === undefined ? "" : `:${location.file}`}` },
  };
}

function wordLocation({ file, line, column }: NonNullable<ReportedFinding["location"]>): object {
  const region = { startLine: line, ...(column === undefined ? {} : { startColumn: column }) };
  return { artifactLocation: { uri: file.split("/").map(encodeURIComponent).join("/") }, region };
}
