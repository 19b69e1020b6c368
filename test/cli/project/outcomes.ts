import { task, delay } from 'cowait'

export const done = task(async ({ value = 1 }: { value?: unknown }) => ({ value }))

export const failing = task(async ({ n = 1 }: { n?: number }) => {
  console.log('about to fail', n)
  throw new RangeError(`boom ${n}`)
})

export const outer = task(async () => await failing({ n: 7 }))

export const exiting = task(async () => {
  console.log('last words')
  process.exit(7)
})

export const killed = task(async () => {
  for (let i = 0; i < 50; i++) console.log('line', i)
  process.kill(process.pid, 'SIGKILL')
  await delay('1m')
})

export const slow = task(async ({ seconds = 60 }: { seconds?: number }) => {
  console.log('ready')
  await delay(seconds * 1000)
})

export const stubborn = task(async () => {
  process.on('SIGTERM', () => {})
  console.log('ready')
  for (;;) {
    // It never looks up.
  }
})

export const deep = task(async ({ depth = 3 }: { depth?: number }): Promise<number> => {
  if (depth > 0) return await deep({ depth: depth - 1 })
  console.log('ready')
  await delay('1m')
  return 0
})

export const values = task(async () => ({ at: new Date(0), big: 10n, bytes: new Uint8Array([1, 2, 3]), map: new Map([['a', 1]]) }))

export const nothing = task(async () => {})

export const lines = task(async ({ n = 10 }: { n?: number }) => {
  for (let i = 0; i < n; i++) console.log('line', i)
  return n
})

export const unserializable = task(async () => ({ f: (() => 1) as unknown }))

export const streaming = task(async function* ({ n = 3 }: { n?: number }) {
  for (let i = 0; i < n; i++) yield { i, at: new Date(i) }
  return n
})
