import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandDocs } from '../../src/cli/command-docs.ts'
import type { Io } from '../../src/cli/io.ts'
import { createProgram } from '../../src/cli/program.ts'
import { Screen } from './screen.ts'

const docs = new URL('../../docs/', import.meta.url)
const file = new URL('cli.md', docs)

/** `UPDATE_DOCS=1` writes the file instead. */
test('docs/cli.md says what the commands say', () => {
  const { output } = new Screen()
  const docs = commandDocs(createProgram({ stdout: output, stderr: output } as unknown as Io, () => undefined))
  if (process.env['UPDATE_DOCS']) writeFileSync(file, docs)
  expect(readFileSync(file, 'utf8') === docs, 'docs/cli.md is stale: run npm run docs').toBe(true)
})

/** In a span of code, or a line of a block of code, perhaps after a prompt. */
const COMMAND = /(?:`|^ {4}|^(?:\$ )?(?:npx )?|&& (?:npx )?)(cowait (?!needs|is|has)[a-z]+[^`\n]*)/gm

test.each(['README.md', ...readdirSync(docs).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))])(
  'the commands and options that %s shows exist',
  (name) => {
    const { output } = new Screen()
    const program = createProgram({ stdout: output, stderr: output } as unknown as Io, () => undefined)
    const text = readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
    for (const [, line = ''] of text.matchAll(COMMAND)) {
      const [, word = '', ...words] = line.split(/\s+/)
      const command = program.commands.find((each) => each.name() === word)
      if (!command) throw new Error(`${name} shows ${line}, and there is no command ${word}`)
      const known = new Set([...command.options.flatMap(({ short, long }) => [short, long]), '--help', '--'])
      const wrong = words.filter((each) => /^--?[a-z]/.test(each)).filter((each) => !known.has(each.replace(/[=,.;:)].*$/s, '')))
      expect(wrong, line).toEqual([])
    }
  },
)
