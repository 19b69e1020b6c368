import { expect, test } from 'vitest'
import { EngineError } from '../../../src/core/errors.ts'
import { clientOf } from './fake-engine.ts'

test('an answer that does not begin is an error; one that has begun may take its time, until it is aborted', async () => {
  await using silent = await clientOf(() => {})
  await expect(silent.client.stream('GET', '/events')).rejects.toThrow(/has not answered GET \/events for/)
  await expect(silent.client.stream('GET', '/events')).rejects.toThrow(EngineError)
  await using slow = await clientOf((_request, response) => {
    response.write('first\n')
    setTimeout(() => response.write('second\n'), 600)
  })
  const stop = new AbortController()
  const response = await slow.client.stream('GET', '/events', { signal: stop.signal })
  let text = ''
  const reading = (async (): Promise<void> => {
    for await (const chunk of response.setEncoding('utf8')) {
      text += String(chunk)
      if (text.includes('second')) stop.abort()
    }
  })()
  await expect(reading).rejects.toThrow(/abort/i)
  expect(text).toBe('first\nsecond\n')
})
