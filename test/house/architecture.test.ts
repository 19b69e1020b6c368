import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const text = readFileSync('ARCHITECTURE.md', 'utf8')
const steps = [...text.matchAll(/^\| [^|]*\| `(src\/[\w/.-]+\.ts)` \| `(\w+)` \|/gm)].map(([, file = '', name = '']) => ({ file, name }))

test('the walk of a call has its steps', () => {
  expect(steps.length).toBeGreaterThan(10)
})

test.each(steps)('$name stands in $file', ({ file, name }) => {
  expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`(function |class |^  (async )?|const |import \\{ )${name}\\b`, 'm'))
})
