// node write_loop.js FILE: replaces a record until it is killed; each record says its number 2000 times.
import { writeJson } from "../../../src/state/index.js";

const [file = ""] = process.argv.slice(2);
for (let serial = 1; ; serial += 1) writeJson(file, { serial, words: new Array(2000).fill(serial) });
