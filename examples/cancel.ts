import { task, group, timeout, race, delay, shield } from 'cowait'

export const cleanup = task(async ({ what }: { what: string }) => `cleaned ${what}`)
export const slow = task(async ({ seconds = 60 }: { seconds?: number }) => {
  try {
    await delay(seconds * 1000)
    return 'finished'
  } finally {
    console.log(await shield(() => cleanup({ what: 'slow' })))
  }
})
export const failing = task(async () => {
  await delay(100)
  throw new RangeError('boom')
})
export const cancelling = task(async () => {
  const log: string[] = []
  const note = (e: Error) => void log.push(e.name)

  // one failure cancels the sibling
  await group(async () => {
    void slow()
    void failing()
  }).catch(note)

  await timeout('500ms', () => slow()).catch(note)

  const run = slow()
  await run.ready
  await run.cancel('changed my mind')
  await run.catch(note)

  const ac = new AbortController()
  const byHand = slow({}, { signal: ac.signal })
  ac.abort()
  await byHand.catch(note)

  // the loser is cancelled
  log.push(await race([slow(), cleanup({ what: 'race' })]))
  return log
})
