/** What fails to begin has another try. */
import { expect, test } from 'vitest'
import { EngineError } from '../../src/core/errors.ts'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import type { Engine } from '../../src/core/engine.ts'
import { openRig } from './rig.ts'

const echo = task(async () => 'came')
const called = external<typeof echo>('tests:echo')

/** Fails the first `times` times. */
function failing<T>(times: number, value: () => T): { readonly count: () => number; readonly make: () => Promise<T> } {
  let count = 0
  const make = async (): Promise<T> => {
    if (++count <= times) throw new EngineError('it was not there')
    return value()
  }
  return { count: () => count, make }
}

test('an engine that could not be opened is opened by the next call', async () => {
  const opening = failing<Engine>(1, () => rig.engine)
  await using rig = openRig({ echo }, { openEngine: opening.make })
  const both = await Promise.allSettled(rig.script(() => [called(), called()]))
  expect(both).toMatchObject([{ reason: { code: 'ENGINE', message: /it was not there/ } }, { reason: { code: 'ENGINE' } }])
  expect(opening.count()).toBe(1)
  expect(await rig.script(() => called())).toBe('came')
  expect(await rig.script(() => called())).toBe('came')
  expect(opening.count()).toBe(2)
})

test('what an engine says while it is being opened is told once, to a run that waits for it', async () => {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  const openEngine = async (_name: string, _signal: AbortSignal, tell: (text: string) => void): Promise<Engine> => {
    tell('enter ABC-123')
    await opened
    return rig.engine
  }
  await using rig = openRig({ echo }, { openEngine })
  rig.supervisor.prepare()
  const both = rig.script(() => Promise.all([called(), called()]))
  const told = (): unknown[] => rig.events.filter(({ type }) => type === 'notice')
  await expect.poll(told).toMatchObject([{ text: 'enter ABC-123' }])
  open()
  expect(await both).toEqual(['came', 'came'])
  expect(told()).toHaveLength(1)
})

test('what is wrong with an engine that was prepared, the first call hears', async () => {
  const opening = failing<Engine>(1, () => rig.engine)
  await using rig = openRig({ echo }, { openEngine: opening.make })
  rig.supervisor.prepare()
  await new Promise(setImmediate)
  await expect(rig.script(() => called())).rejects.toThrow('it was not there')
  expect(opening.count()).toBe(1)
  expect(await rig.script(() => called())).toBe('came')
})

test('a program that could not be compiled is compiled for the next call', async () => {
  let isBroken = true
  const tree = async () => {
    if (isBroken) throw new Error('a comma is missing')
    return { hash: '', files: [], directory: process.cwd(), root: process.cwd() }
  }
  await using rig = openRig({ echo }, { tree })
  await expect(rig.script(() => called())).rejects.toThrow('a comma is missing')
  isBroken = false
  expect(await rig.script(() => called())).toBe('came')
})

test('an engine that is not good enough is let go', async () => {
  let closed = 0
  const openEngine = async (): Promise<Engine> => ({ ...rig.engine, close: async () => void closed++ })
  await using rig = openRig({ echo }, { keepFailed: true, openEngine })
  await expect(rig.script(() => called())).rejects.toThrow('has nothing to keep of a failed worker')
  expect(closed).toBe(1)
})
