// Only what needs types. Format and everything else that a parser can see is Biome's (biome.json).
import { parser, plugin } from "typescript-eslint";

export default [
  { ignores: ["dist/", "node_modules/", "native/build/"] },
  {
    files: ["src/**/*.ts", "test/**/*.ts", "bench/**/*.ts", "examples/**/*.ts"],
    languageOptions: { parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "@typescript-eslint": plugin },
    rules: {
      // A promise that nobody awaits is a failure that nobody hears.
      "@typescript-eslint/no-floating-promises": "error",
      // A closed set is matched in full: a new member must be decided everywhere, not fall through.
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
];
