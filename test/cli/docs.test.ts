import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandDocs } from '../../src/cli/command-docs.ts'
import type { Io } from '../../src/cli/io.ts'
import { createProgram } from '../../src/cli/program.ts'
import { Screen } from './screen.ts'

const file = new URL('../../docs/cli.md', import.meta.url)

/** `UPDATE_DOCS=1` writes the file instead. */
test('docs/cli.md says what the commands say', () => {
  const { output } = new Screen()
  const docs = commandDocs(createProgram({ stdout: output, stderr: output } as unknown as Io, () => undefined))
  if (process.env['UPDATE_DOCS']) writeFileSync(file, docs)
  expect(readFileSync(file, 'utf8') === docs, 'docs/cli.md is stale: run npm run docs').toBe(true)
})
