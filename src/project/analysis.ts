import type { Problem } from './problem.ts'
import type { Format } from './source.ts'

/** An import in a compiled file. Positions are offsets in its code. */
export interface ImportSite {
  /** `computed`: a dynamic import whose specifier only shows when it runs. */
  readonly kind: 'static' | 'dynamic' | 'computed'
  /** Empty where it is computed. */
  readonly specifier: string
  /** The specifier with its quotes; the keyword of a computed import. */
  readonly start: number
  readonly end: number
  /** Where import attributes end; they begin at `end`. The same as `end` where there are none. */
  readonly attributesEnd: number
}

/** One source file by itself: compiled, not yet linked to the files around it. Depends on nothing but its text and its options. */
export interface Analysis {
  readonly format: Format
  /** Beside the source, under a name of its own; else in its place. */
  readonly isBeside: boolean
  readonly code: string
  /** The `mappings` of a source map; absent where code and source are the same text. */
  readonly mappings?: string
  readonly imports: readonly ImportSite[]
  /** Literal arguments of `require`. */
  readonly requires: readonly string[]
  /** It may call `require` with what only shows when it runs. */
  readonly hasComputedRequire: boolean
  /** It has exports, or could have. What is no module stays as it is. */
  readonly isModule: boolean
  readonly problem?: Problem
}

/** Names that stand for what CommonJS has and ES modules lack; compiled code refers to them only where it needs them. */
export const SHIMS = {
  dirname: '__cowait_dirname',
  filename: '__cowait_filename',
  require: '__cowait_require',
  import: '__cowait_import',
} as const
