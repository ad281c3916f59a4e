/** What deferred_yaml.ts loads, bundled by the set-up into dist/packages/yaml.cjs: a quarter of the package's files and time. */
export { Composer, CST, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
