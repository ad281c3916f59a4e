// A device process: the engine behind the channel that it inherits. Ends with its VMM. Usage: node main.js FD
import { Remote } from "../../src/protocol/index.js";
import { dmaEngine } from "./dma_engine.js";

const fd = Number(process.argv[2]);
const remote = new Remote({ fd, device: dmaEngine });
const error = await remote.ended;
if (error !== null) {
  console.error(error.message);
  process.exitCode = error.exitCode;
}
