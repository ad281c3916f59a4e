export { printable, quotePath, quoteValue } from "./printable.js";
export { type Problem, wordPosition } from "./problem.js";
export { closestCandidate, suggestFrom } from "./suggestion.js";
export { escapeControls, escapeLine, printableJson } from "./terminal.js";
export { type KeyPath, parseYamlTree, type YamlTree } from "./yaml_tree.js";
