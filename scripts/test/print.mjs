const count = (results, wanted) => results.filter(({ outcome }) => outcome === wanted).length;
const seconds = (durationMs) => `${(durationMs / 1000).toFixed(1)} s`;

/** One line for a file that went well; its failures and its output for one that did not. */
export function printFile({ file, results, output, durationMs }) {
  const failures = results.filter(({ outcome }) => outcome === "failed");
  const skipped = count(results, "unmet");
  const counts = [`${count(results, "passed")} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skipped > 0) counts.push(`${skipped} skipped`);
  console.log(`${failures.length === 0 ? "ok    " : "FAILED"} ${file}: ${counts.join(", ")} (${seconds(durationMs)})`);
  if (failures.length === 0) return;
  for (const { suite, test, message } of failures) console.log(indent(`${suite} > ${test}: ${message.split("\n", 1)[0]}`));
  if (output.trim() !== "") console.log(indent(`--- output of ${file} ---\n${output.trimEnd()}\n--- end of output ---`));
}

/** Which tests were not run and why, then the counts, which are the last line. */
export function printSummary(reports) {
  const unmet = new Map();
  for (const { file, results } of reports) {
    for (const { outcome, message } of results) {
      if (outcome === "unmet") unmet.set(`${file}: ${message}`, (unmet.get(`${file}: ${message}`) ?? 0) + 1);
    }
  }
  for (const [reason, tests] of unmet) console.log(`skipped ${tests} of ${reason}`);
  const results = reports.flatMap((report) => report.results);
  const passed = count(results, "passed");
  const failed = count(results, "failed");
  const failing = reports.filter((report) => count(report.results, "failed") > 0);
  if (failing.length > 0) console.log(`failed: ${failing.map(({ file }) => file).join(" ")}`);
  if (passed + failed === 0) console.log("No test ran, which counts as a failure.");
  console.log(`${passed} passed, ${failed} failed, ${count(results, "unmet")} skipped`);
  return { passed, failed };
}

function indent(text) {
  return text.replace(/^(?=.)/gm, "    ");
}
