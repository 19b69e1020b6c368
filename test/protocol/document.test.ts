import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MAX_BODY_BYTES, MAX_HEADER_BYTES } from '../../src/protocol/frames.ts'
import { INITIAL_WINDOW_BYTES, MAX_OPEN_STREAMS } from '../../src/protocol/outgoing.ts'
import { MAX_LINE_BYTES, MAX_RECORD_BYTES } from '../../src/protocol/output.ts'
import { both, down, up } from './samples.ts'

const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')

function section(from: string, to: string): string {
  return text.slice(text.indexOf(`\n## ${from}`), text.indexOf(`\n## ${to}`))
}

/** Each described message with the fields that its row names. */
function described(part: string): Map<string, string> {
  return new Map(Array.from(part.matchAll(/^\| `([a-z-]+)` \|([^|]*)\|/gm), ([, type, fields]) => [type!, fields!]))
}

test.each([
  ['Messages down', 'Messages up', down],
  ['Messages up', 'Both ways', up],
  ['Both ways', 'What the fields', both],
])('PROTOCOL.md describes the messages of "%s", with their fields', (from, to, messages) => {
  const found = described(section(from, to))
  expect(new Set(found.keys())).toEqual(new Set(messages.map(({ type }) => type)))
  for (const { type, ...fields } of messages)
    for (const field of Object.keys(fields)) expect(`${type}: ${found.get(type)}`).toContain(`\`${field}`)
})

test('every message of the union has an example, so that none is left out here', () => {
  const source = readFileSync(new URL('../../src/protocol/messages.ts', import.meta.url), 'utf8')
  const types = Array.from(source.matchAll(/readonly type: '([a-z-]+)'/g), ([, type]) => type)
  expect(new Set([...up, ...down, ...both].map(({ type }) => type))).toEqual(new Set(types))
})

test('PROTOCOL.md has the limits of the code', () => {
  const limits = section('Limits', 'Faults')
  for (const bytes of [MAX_HEADER_BYTES, MAX_BODY_BYTES, INITIAL_WINDOW_BYTES, MAX_RECORD_BYTES])
    expect(limits).toContain(`| ${bytes.toLocaleString('en')} bytes`)
  expect(limits).toContain(`| streams that have begun, in one direction | ${MAX_OPEN_STREAMS} |`)
  expect(section('Output', 'Cancelling')).toContain(`A line of more than ${MAX_LINE_BYTES.toLocaleString('en')} bytes`)
})
