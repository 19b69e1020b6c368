/** What a run and its caller say belongs to one attempt. */
import { expect, test } from 'vitest'
import { contract } from '../../src/core/contract.ts'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import { openRig } from './rig.ts'

const again = { retry: { attempts: 2, delay: 0 } } as const

test('the answer to a call of a lost attempt is none to a call of the next one', async () => {
  let attempts = 0
  const asker = task({
    parent: contract<{ ask(n: number): Promise<string> }>(),
    run: async (_: {}, { parent }) => await parent.ask(++attempts),
  })
  const answers: ((text: string) => void)[] = []
  const ask = (_n: number): Promise<string> => new Promise((resolve) => answers.push(resolve))
  await using rig = openRig({ asker })
  const run = rig.script(() => external<typeof asker>('tests:asker')({}, { ...again, handlers: { ask } }))
  await expect.poll(() => answers.length).toBe(1)
  rig.worker(run.id).end({ how: 'killed', signal: 'SIGKILL' })
  await expect.poll(() => answers.length).toBe(2)
  answers[0]?.('of the first attempt')
  answers[1]?.('of the second attempt')
  expect(await run).toBe('of the second attempt')
})

test('a stream that a lost attempt was reading ends with it', async () => {
  let attempts = 0
  const reader = task({
    parent: contract<{ numbers(): AsyncIterable<number> }>(),
    async run(_: {}, { parent }) {
      if (++attempts === 2) return 'read'
      for await (const n of parent.numbers()) if (n < 0) return 'never'
      return 'ended'
    },
  })
  const left: string[] = []
  async function* numbers(): AsyncGenerator<number> {
    try {
      for (let n = 0; ; n++) yield n
    } finally {
      left.push(run.status)
    }
  }
  await using rig = openRig({ reader })
  const run = rig.script(() => external<typeof reader>('tests:reader')({}, { retry: { attempts: 2, delay: '1h' }, handlers: { numbers } }))
  await expect.poll(() => run.status).toBe('running')
  await expect.poll(() => attempts).toBe(1)
  rig.worker(run.id).end({ how: 'killed', signal: 'SIGKILL' })
  await expect.poll(() => left).toEqual(['waiting'])
  await run.cancel()
})
