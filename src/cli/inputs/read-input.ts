import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { UsageError } from '../../core/errors.ts'
import { buildInput } from './build-input.ts'
import type { JsonSchema } from '../../project/json-schema.ts'
import { parseInput } from './parse-input.ts'

export interface InputSource {
  readonly input?: readonly string[]
  readonly file?: string
}

/** The input object that `-f` and `-i` give together, typed by the schema where there is one. */
export async function readInput(
  { input = [], file }: InputSource,
  cwd: string,
  schema: JsonSchema | undefined,
): Promise<Record<string, unknown>> {
  const base = file === undefined ? {} : await readObject(file, cwd)
  const parts = input.map((source) => parseInput(source, (path) => readFileSync(resolve(cwd, path), 'utf8')))
  return buildInput(base, parts, schema)
}

async function readObject(file: string, cwd: string): Promise<Record<string, unknown>> {
  const text = readText(file, cwd)
  if (text.trim() === '') throw new UsageError(`-f ${file}: ${file === '-' ? 'nothing came on the standard input' : 'the file is empty'}`)
  const value = await parseText(file, text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new UsageError(`-f ${file}: an input is an object, and this is ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}`)
}

function readText(file: string, cwd: string): string {
  try {
    return readFileSync(file === '-' ? 0 : resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new UsageError(`-f ${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
  }
}

async function parseText(file: string, text: string): Promise<unknown> {
  if (!/\.ya?ml$/i.test(file)) {
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      if (file !== '-') throw new UsageError(`-f ${file}: not JSON: ${(error as Error).message}`)
    }
  }
  const { parse } = await import('yaml')
  try {
    return parse(text) as unknown
  } catch (error) {
    throw new UsageError(`-f ${file}: not YAML: ${(error as Error).message}`)
  }
}
