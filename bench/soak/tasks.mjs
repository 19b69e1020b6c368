/** A mixed load: what ends well, fails, is cancelled, retried, times out, prints much, gives much, has children and subprocesses. */
import { execFileSync } from 'node:child_process'
import { delay, task } from 'cowait'

export const answer = task(async ({ value }) => value)

const fails = task(async () => {
  throw new RangeError('on purpose')
})

const waits = task(async () => await delay('1h'))

const dies = task(async () => process.kill(process.pid, 'SIGKILL'))

const prints = task(async ({ lines }) => {
  for (let n = 0; n < lines; n++) console.log(`line ${n} of a log that is about as long as lines of a log are`)
})

const runs = task(async () => execFileSync('sh', ['-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo done'], { encoding: 'utf8' }))

const flaky = task(async (_, { attempt }) => {
  if (attempt < 2) throw new Error('not yet')
  return attempt
})

export const parent = task(async ({ value }) => (await Promise.all([answer({ value }), answer({ value: 1 })])).length)

async function caught(run, name) {
  try {
    await run
  } catch (error) {
    if (error.constructor.name === name) return
    throw error
  }
  throw new Error(`a run ended well that should have ended with ${name}`)
}

/** By their number, one after another. */
export const mixed = [
  async () => await answer({ value: 'x'.repeat(1_000_000) }),
  async () => await parent({ value: 2 }),
  async () => await caught(fails(), 'TaskFailedError'),
  async () => await caught(dies(), 'TaskLostError'),
  async () => await caught(waits({}, { timeout: '300ms', grace: '1s' }), 'TaskTimeoutError'),
  async () => {
    const run = waits({}, { grace: '1s' })
    await run.ready
    await run.cancel('enough')
    await caught(run, 'TaskCancelledError')
  },
  async () => await prints({ lines: 2_000 }),
  async () => await runs(),
  async () => await flaky({}, { retry: { attempts: 3, delay: 10 } }),
]
