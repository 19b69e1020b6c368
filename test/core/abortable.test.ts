import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { abortable } from '../../src/core/abortable.ts'

const never = new AbortController().signal

test('answers as the promise does', async () => {
  expect(await abortable(Promise.resolve('made'), never)).toBe('made')
  await expect(abortable(Promise.reject(new Error('no')), never)).rejects.toThrow('no')
})

test.each(['before', 'meanwhile'])('what becomes of a promise that was given up %s is nobody’s fault', async (when) => {
  const gone = new AbortController()
  if (when === 'before') gone.abort(new Error('enough'))
  let fail!: (error: Error) => void
  const waiting = abortable(new Promise((_, reject) => (fail = reject)), gone.signal)
  gone.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  fail(new Error('too late'))
  await setImmediate()
})
