/** What a config's name ends with, in the order in which they are looked for. */
export const CONFIG_ENDINGS: readonly string[] = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']
/** What people try besides. Found too, so that it can be refused rather than passed over without a word. */
export const FOREIGN_ENDINGS: readonly string[] = ['.tsx', '.jsx', '.jsonc', '.json5', '.yaml', '.yml', '.toml']
