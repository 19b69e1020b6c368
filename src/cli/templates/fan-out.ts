import type { Template } from './template.ts'

/** A checked input, many calls, one result. */
export const fanOut: Template = {
  name: 'fan-out',
  about: 'a task with a schema, called once for each item',
  first: 'cowait run words -i texts="to be" -i texts="or not to be"',
  dependencies: { zod: '^4.0.0' },
  files: {
    'words.ts': `import { task, join } from 'cowait'
import { z } from 'zod'

export const count = task({
  description: 'Counts the words of one text.',
  input: z.object({ text: z.string() }),
  output: z.object({ words: z.int() }),
  async run({ text }) {
    return { words: text.split(/\\s+/).filter(Boolean).length }
  },
})

export const words = task({
  description: 'Counts the words of many texts, each in a worker of its own.',
  input: z.object({ texts: z.array(z.string()).min(1).describe('the texts; give it again for more') }),
  output: z.object({ words: z.int(), longest: z.int() }),
  async run({ texts }) {
    const counts = await join(texts.map((text) => count({ text })))
    return { words: counts.reduce((sum, { words }) => sum + words, 0), longest: Math.max(...counts.map(({ words }) => words)) }
  },
})
`,
    'words.test.ts': `import { expect, test } from 'vitest'
import { words } from './words.ts'

test('counts over all texts', async () => {
  expect(await words({ texts: ['to be', 'or not to be'] })).toEqual({ words: 6, longest: 4 })
})

test('refuses no texts at all', async () => {
  await expect(words({ texts: [] })).rejects.toThrow('texts')
})
`,
  },
}
