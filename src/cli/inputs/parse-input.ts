import { UsageError } from '../../core/errors.ts'

/** One `-i`: where it goes, and what was written: text whose type is still open, or JSON. */
export interface InputPart {
  /** As the user wrote it, for messages. */
  readonly source: string
  readonly path: readonly string[]
  readonly value: { readonly text: string } | { readonly json: unknown }
}

/**
 * Reads `key=value`, `a.b=value`, `key:=json`, `key=@file`, `key:=@file.json`, and `flag` for true. A dot that belongs to a key is
 * written `\.`; a text that starts with `@` is written as JSON: `key:='"@home"'`.
 */
export function parseInput(source: string, readText: (file: string) => string): InputPart {
  if (/^\s*[{[]/.test(source))
    throw new UsageError(
      `-i ${source}: inputs are given one by one, -i key=value or -i key:=JSON; a whole object comes from a file, -f FILE (-f - reads stdin)`,
    )
  const [, key = '', operator, raw = ''] = /^((?:[^=:]|:(?!=))*)(:=|=)?(.*)$/s.exec(source) ?? []
  const path = splitPath(key)
  if (key === '' || path.includes('')) throw new UsageError(`-i ${source}: a key is missing; write -i key=value`)
  if (operator === undefined) return { source, path, value: { json: true } }
  const text = raw.startsWith('@') ? readInputFile(source, raw.slice(1), readText) : raw
  return { source, path, value: operator === ':=' ? { json: parseJson(source, text) } : { text } }
}

function splitPath(key: string): string[] {
  return key.split(/(?<!\\)\./).map((part) => part.replaceAll('\\.', '.'))
}

function readInputFile(source: string, file: string, readText: (file: string) => string): string {
  try {
    return readText(file)
  } catch (error) {
    throw new UsageError(
      `-i ${source}: cannot read ${file === '' ? 'a file without a name' : file} (${(error as NodeJS.ErrnoException).code ?? String(error)}); a text that starts with @ is written key:='"@..."'`,
    )
  }
}

function parseJson(source: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new UsageError(`-i ${source}: not JSON: ${(error as Error).message}; use = for plain text`)
  }
}
