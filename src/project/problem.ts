/** Why one file cannot run. The other files of the tree are not hurt by it. */
export interface Problem {
  /** It cannot be read as code, or imports what cannot be part of the tree, or its `tsconfig.json` cannot be used. */
  readonly type: 'syntax' | 'import' | 'config'
  /** Relative to the tree's root. */
  readonly path: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  readonly message: string
  /** The line with a mark under the place, ready to print. */
  readonly frame: string
}

/** `src/a.ts:3:5: Expected ";"`, and the code frame on the lines below it. */
export function problemText(problem: Problem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}\n${problem.frame}`
}

/** A code frame of one line. Lines are cut, so that a file in one line does not fill the screen. */
export function codeFrame(line: number, column: number, text: string, length = 1): string {
  const from = Math.max(0, column - 1 - 60)
  const shown = text.slice(from, from + 120)
  const margin = `  ${line} | `
  const marks = '^'.repeat(Math.max(1, Math.min(length, shown.length - (column - 1 - from))))
  return `${margin}${shown}\n${' '.repeat(margin.length - 2)}| ${' '.repeat(column - 1 - from)}${marks}`
}

/** A problem at the first place where `needle` stands in a text. */
export function importProblem(path: string, text: string, needle: string, message: string): Problem {
  const before = text.slice(0, Math.max(0, text.indexOf(needle))).split('\n')
  const line = before.length
  const column = (before.at(-1)?.length ?? 0) + 1
  return { type: 'import', path, line, column, message, frame: codeFrame(line, column, text.split('\n')[line - 1] ?? '', needle.length) }
}
