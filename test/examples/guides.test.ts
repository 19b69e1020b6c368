import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'))
const texts = examples.map((file) => readFileSync(join(root, 'examples', file), 'utf8'))

describe.each(['calls', 'errors', 'rpc-and-streams', 'testing'])('docs/%s.md', (name) => {
  const guide = readFileSync(join(root, 'docs', `${name}.md`), 'utf8')
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = '']) => text)

  test('has examples', () => expect(blocks.length).toBeGreaterThan(1))
  test.each(blocks)('%s stands in a file that runs', (block) => expect(texts.some((text) => text.includes(block))).toBe(true))
})
