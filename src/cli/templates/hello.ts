import type { Template } from './template.ts'

/** Two tasks, one of which calls the other twice. */
export const hello: Template = {
  name: 'hello',
  about: 'two tasks, one calls the other twice, side by side',
  first: 'cowait run parallel',
  dependencies: {},
  files: {
    'sleep.ts': `import { task, delay } from 'cowait'

export const sleep = task(async ({ duration = 5 }: { duration?: number }) => {
  for (let i = 0; i < duration; i++) {
    await delay('1s')
    console.log('slept', i + 1)
  }
  return { duration }
})
`,
    'parallel.ts': `import { task, join } from 'cowait'
import { sleep } from './sleep.ts'

export const parallel = task(async ({ duration = 3 }: { duration?: number }) => {
  const tasks = [sleep({ duration }), sleep({ duration })]
  return await join(tasks)
})
`,
    'parallel.test.ts': `import { expect, test } from 'vitest'
import { parallel } from './parallel.ts'

test('two sleeps, each in a worker of its own', async () => {
  expect(await parallel({ duration: 1 })).toEqual([{ duration: 1 }, { duration: 1 }])
})
`,
  },
}
